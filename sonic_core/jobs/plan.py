"""Plan of a batch: every row checked before the first frame, all problems at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engines.declaration import DEVICE
from ..engines.registry import declaration
from ..errors import SettingsError
from .ledger import Ledger, Planned
from .row_check import Candidate, RowChecker
from .table import Row

MOST_SHOWN = 100
Checker = Callable[[Row, Callable[[str], None]], Candidate | None]
TOGETHER = 500  # rows that are noted in one transaction
SPARE_ROOM, SPARE_SHARE = 100e6, 0.02  # bytes that a disk keeps free, of a small one a share
PLANNING = """
create temp table planned (output text primary key, folded text unique, row integer, key text, job text, seconds real) without rowid
"""


@dataclass
class Plan:
    """What a batch is going to do.  clips: all; kept: of them, those that are done or in work; seconds: of video still to make.

    room: bytes that this takes, by estimate.  problems: a sentence each, with the row's number; problem_count: all of them.
    """

    clips: int = 0
    kept: int = 0
    seconds: float = 0.0
    room: float = 0.0
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def problem(self, text: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(text)

    def raise_problems(self) -> None:
        """SettingsError that lists all problems, if there are any."""
        if self.problem_count:
            more = self.problem_count - len(self.problems)
            listed = "\n".join(f"  {text}" for text in self.problems) + (f"\n  and {more} more" if more else "")
            raise SettingsError(f"{self.problem_count} problem(s); nothing was begun:\n{listed}")


def check(
    rows: Iterable[Row],
    ledger: Ledger,
    base: Mapping[str, Any],
    folder: Path,
    overwrite: bool = False,
    devices: Sequence[str] = (),
) -> Plan:
    """Look at every row; what is to be done stands in the ledger's temporary table afterwards (see `planned`).

    base: JSON values of a job, for what the rows leave out.  folder: of the table, where relative paths begin.  overwrite: files of the
    output folder that no batch has made may be replaced.  devices: of the workers.  Memory does not grow with the number of rows.
    """
    checker = RowChecker(ledger, base, folder, overwrite)
    plan = checked(rows, ledger, checker)
    if devices and checker.engines and not any(declaration(name).option(DEVICE) for name in checker.engines):
        plan.problem(
            f"devices {', '.join(devices)} are given, but {', '.join(sorted(checker.engines))} works on the CPU alone. Leave them out, "
            "or choose another engine."
        )
    return plan


def checked(rows: Iterable[Row], ledger: Ledger, checker: Checker) -> Plan:
    """The same by any checker of single rows, which returns None where something is wrong, and has told what."""
    ledger.db.execute("drop table if exists temp.planned")
    ledger.db.execute(PLANNING)
    plan = Plan()
    right: list[Candidate] = []
    try:
        for row in rows:
            plan.clips += 1
            if clip := checker(row, plan.problem):
                right.append(clip)
            if len(right) == TOGETHER:
                _note(right, ledger, plan)
                right.clear()
    except SettingsError as error:  # of the table itself: reading cannot go on
        plan.problem(str(error))
    _note(right, ledger, plan)
    disk = shutil.disk_usage(ledger.folder)
    free = disk.free
    if plan.room > free - min(SPARE_ROOM, SPARE_SHARE * disk.total):
        plan.problem(
            f"the clips need about {plan.room / 1e9:.1f} GB, but {ledger.folder} has {free / 1e9:.1f} GB free. Free some space or choose "
            "another folder."
        )
    return plan


def planned(ledger: Ledger) -> Iterator[Planned]:
    """The clips that `check` has noted, in the order of their rows."""
    for row in ledger.db.execute("select output, row, key, job from temp.planned order by row"):
        yield Planned(*row)


def trial_job(ledger: Ledger) -> str | None:
    """JSON of the longest clip that is still to be made, None = all are done."""
    for output, row, key, job in ledger.db.execute(
        "select output, row, key, job from temp.planned order by seconds desc"
    ):
        if not ledger.is_kept(Planned(output, row, key, job), waiting=False):
            return job
    return None


def _nested(name: str, ledger: Ledger) -> tuple[int, str] | None:
    """Row and output of a planned clip whose file or folder would lie inside that of `name`, or around it."""
    places = name.split("/")
    around = ["/".join(places[:depth]) for depth in range(1, len(places))]
    for where, values in [
        ("folded > ? and folded < ?", (f"{name}/", f"{name}0")),
        *(("folded = ?", (a,)) for a in around),
    ]:
        if found := ledger.db.execute(f"select row, output from temp.planned where {where} limit 1", values).fetchone():
            return found[0], found[1]
    return None


def _note(clips: Iterable[Candidate], ledger: Ledger, plan: Plan) -> None:
    """Put clips whose rows are right into the temporary table, and count what they will take."""
    ledger.db.execute("begin")
    for clip in clips:
        if nested := _nested(clip.folded, ledger):
            plan.problem(
                f"row {clip.row}: the output {clip.output} and row {nested[0]}'s, {nested[1]}, lie one in the other. Give each row a place "
                "of its own."
            )
            continue
        noted = ledger.db.execute(
            "insert or ignore into temp.planned values (?,?,?,?,?,?)",
            (clip.output, clip.folded, clip.row, clip.key, clip.job, clip.seconds),
        ).rowcount
        if not noted:
            (first,) = ledger.db.execute("select row from temp.planned where folded = ?", (clip.folded,)).fetchone()
            plan.problem(f"row {clip.row}: the output {clip.output} is row {first}'s too. Give each row its own name.")
        elif ledger.is_kept(Planned(clip.output, clip.row, clip.key, clip.job), waiting=False):
            plan.kept += 1
        else:
            if clip.replaces_a_strangers:
                plan.problem(
                    f"row {clip.row}: {clip.output} exists and was not made by a batch. Rename it, or replace it with --overwrite."
                )
            plan.seconds += clip.seconds
            plan.room += clip.room
    ledger.db.execute("commit")
