"""A generation of a given length in a process of its own, measured from inside.

As a script: `python -m tests.benchmarks.clips FOLDER SECONDS` prints one JSON line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.threads import prepare_process

ROOT = Path(__file__).parents[2]


def speech_of(seconds: float, folder: Path) -> Path:
    """The bundled speech, repeated until it lasts `seconds`, as a wav in `folder`."""
    import wave

    with wave.open(str(SPEECH), "rb") as source:
        parameters = source.getparams()
        frames = np.frombuffer(source.readframes(parameters.nframes), np.uint8)
    frames = frames.reshape(parameters.nframes, -1)
    path = folder / f"speech_{seconds:g}.wav"
    with wave.open(str(path), "wb") as target:
        target.setparams(parameters)
        target.writeframes(np.resize(frames, (round(seconds * parameters.framerate), frames.shape[1])).tobytes())
    return path


def generation(folder: Path, seconds: float) -> dict[str, float]:
    """Generate in a fresh process: wall and CPU seconds after start-up, start-up seconds, peak memory in MB, frames."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.clips", str(folder), str(seconds)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(answer.stdout.splitlines()[-1])


def peak_memory_mb() -> float:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: Linux lets it start from the peak of the process that spawned this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def main(folder: Path, seconds: float) -> None:
    audio_file = speech_of(seconds, folder)
    prepare_process()
    start = time.perf_counter()
    from sonic_core.audio.loading import load_audio
    from sonic_core.engines.registry import load_engine
    from sonic_core.job import Job
    from sonic_core.pipeline import Loaded, generate
    from sonic_core.portrait.analysis import load_portrait

    engine = load_engine("lite")
    started, cpu = time.perf_counter(), time.process_time()
    portrait = load_portrait(PORTRAIT, cache_dir=folder / "cache")
    job = Job(None, audio_file, folder / f"clip_{seconds:g}.mp4", overwrite=True)
    made = generate(job, Loaded(engine, portrait, load_audio(audio_file)))
    print(
        json.dumps(
            {
                "start_up": started - start,
                "wall": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "peak_mb": peak_memory_mb(),
                "frames": made.frames,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
