"""Whole clips: a command line run from its start to the finished file, each in a process of its own and with nothing cached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SonicError
from ..portrait.cache import VARIABLE as CACHE
from ..samples import PORTRAIT
from .figures import Figure, Section
from .recording import write_speech

LENGTHS = (5, 20, 60)
"""Seconds of the clips."""
TITLES = {
    "fps": ("frames a second by the clock", "fps"),
    "real_time": ("real-time factor: time by the clock / length", "times"),
    "cpu": ("CPU for each second of video", "s of CPU"),
    "memory": ("peak memory", "MB"),
}
"""Title and unit of the figures, in their order."""


@dataclass(frozen=True)
class Run:
    """A process that ended well: seconds by the clock and of CPU, peak resident memory in MB (0 = not known), its last line.

    For a clip that was only counted beforehand the time by the clock alone is known; the others are 0.
    """

    wall: float
    cpu: float = 0.0
    peak_mb: float = 0.0
    said: str = ""
    worked_out: bool = False


def run_measured(arguments: Sequence[str], cache: Path, given: str = "") -> Run:
    """`python -m sonic_core.bench.process ARGUMENTS` with its own portrait cache.  given: for its stdin.

    Raises SonicError with what it said last when it fails.
    """
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-m", f"{__package__}.process", str(time.time()), *arguments],
        input=given,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, CACHE: str(cache), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    wall = time.perf_counter() - start
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or [f"exit code {answer.returncode}"]
        raise SonicError(f"A measured run failed: {last[0]}")
    said, used = answer.stdout.splitlines()[-2:]
    figures = json.loads(used)
    return Run(wall, figures["cpu"], figures["peak_mb"], said)


def run_clip(options: Sequence[str], seconds: int, size: int, folder: Path) -> Run:
    """A clip of the bundled picture and speech.  options: of `generate`, for the engine.  folder: for scratch files."""
    sound = folder / f"{seconds}.wav"
    if not sound.exists():
        write_speech(seconds, sound)
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        files = ("--image", str(PORTRAIT), "--audio", str(sound), "--output", str(Path(fresh, "clip.mp4")))
        given = ("command", "generate", *files, "--min-resolution", str(size), *options, "--quiet", "--json")
        return run_measured(given, Path(fresh))


def longer(known: Sequence[tuple[int, Run]], seconds: int, cpu_per_second: float) -> Run:
    """A clip of so many seconds, worked out from shorter ones, each with its seconds: on the straight line through the last two.

    From a single one: `cpu_per_second` more for each further second, by the clock in the proportion of that run.  Memory as it was.
    """
    before, last = known[-1]
    cpu_rate, wall_rate = cpu_per_second, cpu_per_second * last.wall / last.cpu
    if len(known) > 1:
        earlier, first = known[-2]
        cpu_rate, wall_rate = (last.cpu - first.cpu) / (before - earlier), (last.wall - first.wall) / (before - earlier)
    further = seconds - before
    return Run(last.wall + further * wall_rate, last.cpu + further * cpu_rate, last.peak_mb, worked_out=True)


def sections_of(runs: Mapping[tuple[int, int], Run], fps: float) -> list[Section]:
    """A section for each length, from the runs by (seconds, side)."""
    return [
        Section(f"Whole clip of {length} s, from the program's start, nothing cached", _figures(runs, length, fps))
        for length in LENGTHS
        if any(seconds == length for seconds, _ in runs)
    ]


def _figures(runs: Mapping[tuple[int, int], Run], length: int, fps: float) -> list[Figure]:
    values: dict[str, dict[str, float]] = defaultdict(dict)
    worked_out = set()
    for (seconds, size), run in runs.items():
        if seconds != length:
            continue
        side = str(size)
        values["fps"][side] = round(length * fps) / run.wall
        values["real_time"][side] = run.wall / length
        if run.cpu:
            values["cpu"][side] = run.cpu / length
        if run.peak_mb:
            values["memory"][side] = run.peak_mb
        if run.worked_out:
            worked_out.add(side)
    return [
        Figure(f"clip_{length}_{name}", *TITLES[name], values[name], frozenset(worked_out & set(values[name])))
        for name in TITLES
        if values[name]
    ]
