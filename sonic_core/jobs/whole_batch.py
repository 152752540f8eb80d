"""A batch from its rows to its report: what the command `batch` and `make_batch` have in common, and the latter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..job import Job
from ..job_json import job_to_values
from .batch import Crew, Report, State, work_off
from .ledger import Ledger
from .plan import check, planned
from .report import Limits, Written, write_reports
from .table import Row

Values = dict[str, Any]
OF_EACH_CLIP = ("picture", "recording", "output", "tags", "overwrite")
"""Fields of a job that each row has of its own."""


@dataclass(frozen=True)
class Batch:
    """How a batch ended.

    clips: all of its rows.  kept: of them, those that were done before it began, or in work elsewhere.  done: of all, before it or now.
    failed: could not be made.  rejected: done, but beyond the limits.  report: a page to look at, the worst first.  table: the same as CSV.
    """

    clips: int
    kept: int
    done: int
    failed: int
    rejected: int
    report: Path
    table: Path

    @property
    def complete(self) -> bool:
        """Every clip is there, and within the limits."""
        return self.done == self.clips and not self.rejected


def make_batch(
    clips: Iterable[Mapping[str, Any]],
    output: str | Path,
    job: Job | None = None,
    *,
    workers: int = 1,
    devices: Sequence[str] = (),
    retries: int = 1,
    stop_after: int = 0,
    measure: bool = True,
    reject_offset: float | None = None,
    reject_confidence: float | None = None,
    folder: str | Path = ".",
    overwrite: bool = False,
    tell: Report = lambda state: None,
) -> Batch:
    """Have many clips made, each once, in a folder that remembers what is done: the same call goes on after any interruption.

    clips: a mapping each, with the columns of a table (docs/command_line.md): `image`, `audio`, perhaps `output` and any option of
    `generate`, such as `seed`; relative paths begin at `folder`.  output: the folder of the clips and of the report.
    job: what holds for all of them (settings, engine, encoding, labels, ...); its picture, recording and output are not looked at.
    workers: processes.  devices: dealt to them in turn.  retries: further tries of a clip.  stop_after: failures, 0 = never.
    measure: judge each finished clip, which the limits `reject_offset` (ms) and `reject_confidence` (0 to 1) go by.
    overwrite: files that no batch has made may be replaced.  tell: called with the `State` many times a second; whatever it raises stops
    the work, and finished clips stay.

    Every row is checked before the first frame: SettingsError lists all that is wrong.  A clip that cannot be made raises nothing, it
    becomes a line of the report.
    """
    for name, count, least in (("workers", workers, 1), ("retries", retries, 0), ("stop_after", stop_after, 0)):
        _check_count(name, count, least)
    limits = Limits(reject_offset, reject_confidence)
    if isinstance(devices, str):
        raise SettingsError(f"devices is {devices!r}; expected a list, such as ['cuda:0', 'cuda:1'].")
    if job is not None and not isinstance(job, Job):
        raise SettingsError(
            f"job is a {type(job).__name__}; expected a Job, such as Job(None, None, settings=Settings(seed=7))."
        )
    if not measure and (reject_offset is not None or reject_confidence is not None):
        raise SettingsError("measure is False, which leaves nothing to judge clips by. Leave it out, or the limits.")
    crew = Crew(workers, tuple(devices), retries + 1, stop_after, measure)
    ledger = Ledger(Path(output))
    try:
        ledger.recover(crew.tries)
        base = base_of(job or Job(None, None))
        plan = check(_rows(clips), ledger, base, Path(folder).absolute(), overwrite, crew.devices)
        plan.raise_problems()
        state, written = carried_out(ledger, crew, limits, lambda owner: work_off(ledger, owner, crew, tell))
    finally:
        ledger.close()
    return Batch(state.total, plan.kept, state.done, state.failed, written.rejected, written.page, written.table)


def carried_out(
    ledger: Ledger,
    crew: Crew,
    limits: Limits,
    work: Callable[[str], State],
    stopped: Callable[[Written], None] = lambda written: None,
) -> tuple[State, Written]:
    """Have what `check` noted made by `work`, called with this run's name in the ledger, and report on it; also when Ctrl-C stops it."""
    owner = ledger.enlist()
    ledger.plan(owner, planned(ledger))
    try:
        try:
            state = work(owner)
        except KeyboardInterrupt:
            stopped(write_reports(ledger, owner, limits))
            raise
        return state, write_reports(ledger, owner, limits)
    finally:
        ledger.give_back(owner)
        ledger.recover(crew.tries)


def base_of(job: Job) -> Values:
    """What a job says beyond the defaults: keeps the ledger small, and keys independent of defaults that are written out."""
    values = _changed(job_to_values(job), job_to_values(Job(None, None)))
    return {name: value for name, value in values.items() if name not in OF_EACH_CLIP}


def _changed(values: Values, defaults: Values) -> Values:
    changed: Values = {}
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, dict) and isinstance(default, dict):
            if part := _changed(value, default):
                changed[name] = part
        elif value != default:
            changed[name] = value
    return changed


def _check_count(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingsError(f"{name} is {value!r}; expected a whole number.")
    if value < least:
        raise SettingsError(f"{name} is {value}; expected {least} or more.")


def _rows(clips: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    if isinstance(clips, Mapping) or not isinstance(clips, Iterable):
        raise SettingsError(f"clips is a {type(clips).__name__}; expected a list with a mapping for each clip.")
    number = 0
    for number, clip in enumerate(clips, 1):
        if not isinstance(clip, Mapping):
            raise SettingsError(f"Clip {number} is a {type(clip).__name__}; expected a mapping with image and audio.")
        named = ((name, str(value) if isinstance(value, Path) else value) for name, value in clip.items())
        yield Row(number, {name: value for name, value in named if value is not None and value != ""})
    if not number:
        raise SettingsError("There is no clip to make. Give a mapping with image and audio for each.")
