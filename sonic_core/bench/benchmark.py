"""A benchmark of an engine on this machine: its parts, whole clips as far as time allows, and an earlier one to compare with."""

from __future__ import annotations

import codecs
import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..job import Job
from ..job_json import job_from_json, job_to_json
from ..progress import Progress, ignore
from ..version import __version__
from .clips import LENGTHS, Run, longer, run_clip, run_measured, sections_of
from .figures import EVERY_SIZE, Figure, Section
from .parts import GROUPS, measure_parts

SIZES = (512, 768, 1024)
"""Sides of the picture, px."""
SECONDS = 110.0
"""For everything; what does not fit is worked out or left out."""
PARTS_SHARE = 0.35
"""Of the time, after which no further size is begun among the parts."""
LENGTHENING = 1.1
"""How much longer than foreseen a clip may take."""
USUAL_FPS = 25
KIND = "sonic-portrait bench"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Benchmark:
    """machine: what was measured on, in words by name.  faults: what was not measured and why, in sentences."""

    engine: str
    machine: Mapping[str, str]
    sections: Sequence[Section]
    faults: Sequence[str]

    @property
    def figures(self) -> dict[str, Figure]:
        return {figure.name: figure for section in self.sections for figure in section.figures}

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "engine": self.engine,
            "machine": dict(self.machine),
            "figures": {name: figure.as_json() for name, figure in self.figures.items()},
            "not_measured": list(self.faults),
        }

    def ratios(self, earlier: Mapping[str, Figure]) -> dict[str, dict[str, float]]:
        """Now / then by figure and column, where both have a value."""
        return {
            name: {
                column: round(value / earlier[name].values[column], 4)
                for column, value in figure.values.items()
                if earlier[name].values.get(column)
            }
            for name, figure in self.figures.items()
            if name in earlier
        }


@dataclass(frozen=True)
class Earlier:
    """An earlier benchmark as far as a new one is compared with it."""

    engine: str
    machine: Mapping[str, str]
    figures: Mapping[str, Figure]


def read_earlier(path: Path) -> Earlier:
    """What `bench --json` printed last into that file.  Raises SettingsError for anything else."""
    wanted = "Expected what bench --json has printed: python -m sonic_core bench --json > before.json"
    try:
        content = path.read_bytes()
        # What Windows PowerShell's > writes is UTF-16.
        lines = content.decode("utf-16" if content[:2] in UTF_16_MARKS else "utf-8-sig").strip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}). {wanted}") from error
    try:
        stored = json.loads(lines[-1])
        if stored["kind"] != KIND:
            raise ValueError
        figures = {str(name): Figure.from_json(str(name), figure) for name, figure in stored["figures"].items()}
        return Earlier(str(stored["engine"]), dict(stored["machine"]), figures)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SettingsError(f"{path.name} is no benchmark. {wanted}") from error


def measure(job: Job, options: Sequence[str], progress: Progress = ignore, seconds: float = SECONDS) -> Benchmark:
    """Measure the job's engine with its options.  options: the same for `generate`.  seconds: that it may take.

    Raises SonicError where a measured run fails for another reason than missing weights.
    """
    until = time.monotonic() + seconds
    machine = machine_in_words()
    total = 1 + len(LENGTHS) * len(SIZES)
    progress("benchmark", 0, total)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limit = PARTS_SHARE * seconds
        asked = {"job": job_to_json(job), "sizes": SIZES, "clips": LENGTHS, "folder": name, "limit": limit}
        answer = json.loads(run_measured(("parts",), folder / "parts", json.dumps(asked)).said)
        figures = {name: Figure.from_json(name, figure) for name, figure in answer["figures"].items()}
        runs = {(length, size): Run(wall, worked_out=True) for length, size, wall in answer["counted"]}
        faults = list(answer["faults"])
        progress("benchmark", 1, total)
        if answer["runs"]:
            runs, left_out = _clips(options, figures, folder, until, progress)
            faults += left_out
    fps = job.declaration.fps
    parts = [
        Section(title, [figures[name] for name in names if name in figures])
        for title, names in GROUPS.items()
        if any(name in figures for name in names)
    ]
    return Benchmark(job.engine, machine, [*parts, *sections_of(runs, fps)], faults)


def parts_answer(asked: Mapping[str, Any], started: float) -> dict[str, Any]:
    """What the process that measures parts answers, both as JSON values."""
    job = job_from_json(asked["job"])
    parts = measure_parts(
        job, asked["sizes"], Path(asked["folder"]), asked["clips"], started, time_limit=asked["limit"]
    )
    return {
        "figures": {figure.name: figure.as_json() for figure in parts.figures},
        "counted": [[length, size, wall] for (length, size), wall in parts.counted.items()],
        "faults": parts.faults,
        "runs": parts.runs,
    }


def _clips(
    options: Sequence[str], parts: Mapping[str, Figure], folder: Path, until: float, progress: Progress
) -> tuple[dict[tuple[int, int], Run], list[str]]:
    """Runs by (seconds, side), the shortest first, as long as there is time; and a sentence where some are missing."""
    runs: dict[tuple[int, int], Run] = {}
    left_out = []
    total = 1 + len(LENGTHS) * len(SIZES)
    for length in LENGTHS:
        for size in SIZES:
            cost = _Cost.of(parts, size)
            known = [(seconds, run) for (seconds, side), run in runs.items() if side == size and not run.worked_out]
            foreseen = longer(known, length, cost.second) if known else Run(cost.once + length * cost.second)
            if LENGTHENING * foreseen.wall < until - time.monotonic():
                runs[length, size] = run_clip(options, length, size, folder)
            elif known:
                runs[length, size] = foreseen
            else:
                left_out.append(f"{length} s at {size}")
            progress("benchmark", 2 + LENGTHS.index(length) * len(SIZES) + SIZES.index(size), total)
    if left_out:
        return runs, [f"There was no time for these clips: {', '.join(left_out)}."]
    return runs, []


@dataclass(frozen=True)
class _Cost:
    """CPU seconds of a clip by its parts: once, and for each second of it."""

    once: float
    second: float

    @classmethod
    def of(cls, parts: Mapping[str, Figure], size: int) -> _Cost:
        def cost(name: str) -> float:
            values = parts[name].values if name in parts else {}
            known = values.get(str(size), values.get(EVERY_SIZE))
            if known is not None:
                return known
            # Not measured at this size: as the pixels grow from the largest one that was.
            return max((value * (size / int(side)) ** 2 for side, value in values.items()), default=0.0)

        once = cost("start_up_wall") + cost("picture_cold") + cost("set_up")
        return cls(once, cost("listen") + cost("sample") + USUAL_FPS * cost("frame") / 1000)


def machine_in_words() -> dict[str, str]:
    """What the figures must be read with, by name."""
    machine = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sonic-portrait": __version__,
    }
    if hasattr(os, "getloadavg"):
        machine["load"] = f"{os.getloadavg()[0]:.1f}"
    return machine


def _processor() -> str:
    """Its name where the system tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
