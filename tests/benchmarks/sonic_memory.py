"""Memory of the sonic engine must not grow with the clip: 60 s against 10 s, and 10 minutes, with tiny networks on the CPU.

Tiny networks make it a hard test: what grows (whole-clip latents, audio tokens) weighs more beside them than beside full-size ones.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .table import Row

TITLE = "Memory of the sonic engine (tiny networks)"
SHORT_SECONDS, LONG_SECONDS = 10, 60
ENDLESS_SECONDS = 600
ENDLESS_SIDE = 64  # px, smaller than users can ask for, so that ten minutes of it take minutes
UNIT_TESTS = Path(__file__).parents[1] / "unit"
RUN = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from sonic_samples import portrait, speech, write_models
from sonic_core.audio.clip import AudioClip
from sonic_core.bench.process import peak_memory_mb
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.settings import Settings
seconds, folder, side = float(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[4])
sample = speech(3.0)
audio = AudioClip(np.resize(sample.mono(), round(seconds * sample.rate))[None], sample.rate, "long")
settings = Settings(min_resolution=256, inference_steps=1, framing="face")
write_models(folder)
engine = SonicEngine([folder], device="cpu", preset="preview")
conditioning = engine.prepare(portrait(), audio, settings)
if side:
    features = conditioning.features
    image, mask = features.image[:side, :side], features.mask[..., :side, :side]
    features = replace(features, image=image, mask=mask, reference=features.reference[:, : side // 8, : side // 8])
    conditioning = replace(conditioning, features=features)
latents = engine.sample(conditioning, settings)
frames = sum(1 for _ in engine.decode(conditioning, latents))
print(json.dumps({"frames": frames, "peak": peak_memory_mb(), "cpu": time.process_time()}))
"""


def measure():
    short, long = (_run(seconds)["peak"] for seconds in (SHORT_SECONDS, LONG_SECONDS))
    minute, endless = (_run(seconds, ENDLESS_SIDE) for seconds in (LONG_SECONDS, ENDLESS_SECONDS))
    return [
        Row(f"peak of {SHORT_SECONDS} s", short, "MB"),
        Row(f"peak of {LONG_SECONDS} s", long, "MB"),
        Row("growth", 100 * (long / short - 1), "%", 10),
        Row(
            f"peak of {ENDLESS_SECONDS} s at {ENDLESS_SIDE} px, against {LONG_SECONDS} s",
            endless["peak"] / minute["peak"],
            "x",
        ),
        Row(f"CPU of {ENDLESS_SECONDS} s against {LONG_SECONDS} s", endless["cpu"] / minute["cpu"], "x", 11),
    ]


def _run(seconds, side=0):
    """Frames, peak in MB and CPU seconds of a process that makes a clip; side: of the picture, px, 0 = as users have it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", RUN, str(seconds), folder, str(UNIT_TESTS), str(side)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=UNIT_TESTS.parents[1])
    report = json.loads(done.stdout.splitlines()[-1])
    if report["frames"] != round(seconds * 25):
        raise RuntimeError(f"{report['frames']} frames for {seconds} s")
    return report
