"""Memory of the sonic engine must not grow with the clip: the peak of 60 s against that of 10 s, with tiny networks on the CPU.

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
UNIT_TESTS = Path(__file__).parents[1] / "unit"
RUN = """
import json, resource, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from sonic_samples import portrait, speech, write_models
from sonic_core.audio.clip import AudioClip
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.settings import Settings
seconds, folder = float(sys.argv[1]), Path(sys.argv[2])
sample = speech(3.0)
audio = AudioClip(np.resize(sample.mono(), round(seconds * sample.rate))[None], sample.rate, "long")
settings = Settings(min_resolution=256, inference_steps=1, framing="face")
write_models(folder)
engine = SonicEngine([folder], device="cpu", preset="preview")
conditioning = engine.prepare(portrait(), audio, settings)
latents = engine.sample(conditioning, settings)
frames = sum(1 for _ in engine.decode(conditioning, latents))
print(json.dumps({"frames": frames, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measure():
    short, long = (_peak(seconds) for seconds in (SHORT_SECONDS, LONG_SECONDS))
    return [
        Row(f"peak of {SHORT_SECONDS} s", short, "MB"),
        Row(f"peak of {LONG_SECONDS} s", long, "MB"),
        Row("growth", 100 * (long / short - 1), "%", 10),
    ]


def _peak(seconds):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", RUN, str(seconds), folder, str(UNIT_TESTS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=UNIT_TESTS.parents[1])
    report = json.loads(done.stdout.splitlines()[-1])
    if report["frames"] != round(seconds * 25):
        raise RuntimeError(f"{report['frames']} frames for {seconds} s")
    return report["peak"]
