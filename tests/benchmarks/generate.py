"""How long a user waits: a whole 10 s clip at 512 px, and the command line until it shows its first progress."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .clips import ROOT, generation
from .table import Row

TITLE = "Generate (lite, 512x512, 10 s of speech, no cached portrait)"
CLIP_SECONDS = 10


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = generation(folder, CLIP_SECONDS)
        first_start, second_start = first_progress_seconds(folder), first_progress_seconds(folder)
    return [
        Row("whole generate after start-up, wall time", clip["wall"], "s", 10),
        Row("whole generate after start-up, CPU time of all cores", clip["cpu"], "s"),
        Row("frames written", clip["frames"], "frames"),
        Row("imports and engine", clip["start_up"], "s"),
        Row("command line, start to first progress", first_start, "s", 5),
        Row("command line, start to first progress, once more", second_start, "s", 5),
        Row("peak memory", clip["peak_mb"], "MB"),
    ]


def first_progress_seconds(folder: Path) -> float:
    """From starting `python -m sonic_core demo` to the first sign of its progress bar."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_core", "demo", "--output", str(folder / "start.mp4")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stderr.read(1)
    seconds = time.perf_counter() - start
    process.terminate()
    process.communicate()
    return seconds
