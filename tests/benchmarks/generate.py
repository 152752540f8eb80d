"""How long a user waits: a whole 10 s clip at 512 px, and the command line until it shows its first progress."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .clips import ROOT, generation
from .table import Row

TITLE = "Generate (lite, 512x512, 10 s of speech, no cached portrait)"
CLIP_SECONDS = 10


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = generation(folder, CLIP_SECONDS)
        first_start, second_start = first_progress(folder), first_progress(folder)
    return [
        Row("whole generate after start-up, wall time", clip["wall"], "s", 10),
        Row("whole generate after start-up, CPU time of all cores", clip["cpu"], "s"),
        Row("frames written", clip["frames"], "frames"),
        Row("imports and engine", clip["start_up"], "s"),
        Row("command line, start to first progress", first_start.wall, "s", 5),
        Row("command line, start to first progress, once more", second_start.wall, "s", 5),
        Row("command line, CPU time to first progress", second_start.cpu, "s"),
        Row("peak memory", clip["peak_mb"], "MB"),
    ]


@dataclass(frozen=True)
class Seconds:
    """Wall time and CPU time of all cores."""

    wall: float
    cpu: float


def first_progress(folder: Path) -> Seconds:
    """From starting `python -m sonic_core demo` to the first sign of its progress bar."""
    start, cpu = time.perf_counter(), cpu_of_children()
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_core", "demo", "--output", str(folder / "start.mp4")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stderr.read(1)
    wall = time.perf_counter() - start
    process.kill()
    process.communicate()
    return Seconds(wall, cpu_of_children() - cpu)


def cpu_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
