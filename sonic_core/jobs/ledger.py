"""Ledger: what became of every clip of an output folder, in SQLite, so that each is made exactly once whoever dies on the way.

A clip is waiting, working (claimed by one owner), finishing (its file is complete in its owner's hidden folder), done, or failed.  A claim
ends with its owner: a process of this machine that is gone, or one that has not been heard of for LEASE seconds.  The step from finishing
to done is one rename: whoever finds it half done can tell from the files which half.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .owners import LEASE, Attention, is_dead
from .places import put_in_place, remove
from .store import Store, patient

WORK = ".sonic-batch.work"
"""Folder of clips that are not complete yet, with a folder per owner."""
WAITING, WORKING, FINISHING, DONE, FAILED = "waiting", "working", "finishing", "done", "failed"
OF_RUN = "exists (select 1 from members where run = ? and members.output = clips.output)"


@dataclass(frozen=True)
class Planned:
    """A clip to be made.  output: relative to the ledger's folder.  key: digest of all that it is made from.  job: JSON text."""

    output: str
    row: int
    key: str
    job: str


@dataclass(frozen=True)
class Entry:
    """A clip as the ledger knows it; figures: what was measured of a finished one."""

    output: str
    row: int
    key: str
    job: str
    state: str
    attempts: int
    error: str
    figures: dict[str, Any]
    seconds: float


class Ledger(Store):
    """The clips of an output folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._attention = Attention()

    # -- planning

    @patient
    def plan(self, run: str, clips: Iterable[Planned]) -> None:
        """Note the clips of a run (an owner).  What is done, unchanged and still there stays done; what failed is tried anew.

        A clip that another run is making from the same things stays that run's; one that it makes from others is taken from it.
        """
        with self.writing():
            for clip in clips:
                self.db.execute("insert or replace into members values (?,?,?)", (run, clip.output, clip.row))
                if self.is_kept(clip):
                    # The job, too: the same content may lie elsewhere by now, or be wanted on another device.
                    self.db.execute(
                        "update clips set row = ?, job = ? where output = ?", (clip.row, clip.job, clip.output)
                    )
                else:
                    self.db.execute(
                        "insert or replace into clips (output, row, key, job, state, attempts, changed) values (?,?,?,?,?,0,?)",
                        (clip.output, clip.row, clip.key, clip.job, WAITING, time.time()),
                    )

    def is_kept(self, clip: Planned, waiting: bool = True) -> bool:
        """Whether what the ledger knows of a clip stands: it is done and there, or in work for the same, or `waiting` for it."""
        known = self.db.execute("select key, state, attempts from clips where output = ?", (clip.output,)).fetchone()
        if known is None or known[0] != clip.key or known[1] == FAILED:
            return False
        if known[1] == DONE:
            return (self.folder / clip.output).exists()
        return known[1] != WAITING or (waiting and known[2] == 0)

    def knows(self, output: str) -> bool:
        """Whether a file of that name is this folder's own, made or being made by a batch."""
        return self.db.execute("select 1 from clips where output = ?", (output,)).fetchone() is not None

    # -- working

    @patient
    def enlist(self) -> str:
        """A new owner of claims: this process."""
        owner = f"{os.getpid()}-{secrets.token_hex(6)}"
        with self.writing():
            self._note_owner(owner)
        return owner

    def work_folder(self, owner: str) -> Path:
        """Where an owner's clip grows: beside the finished ones, on the same disk, so that a rename finishes it."""
        return self.folder / WORK / owner

    @patient
    def beat(self, owner: str) -> None:
        with self.writing():
            self.db.execute("update owners set beat = ? where id = ?", (time.time(), owner))

    @patient
    def claim(self, run: str, owner: str, stop_after: int = 0) -> Entry | None:
        """The next waiting clip of a run, now this owner's; None when nothing waits (others may still work).

        stop_after: from so many failed clips on nothing is handed out, 0 = never.
        """
        with self.writing():
            if stop_after and self.counts(run)[FAILED] >= stop_after:
                return None
            found = self.db.execute(
                f"select output from clips where state = ? and {OF_RUN} order by attempts, row limit 1", (WAITING, run)
            ).fetchone()
            if found is None:
                return None
            self._note_owner(owner)  # again, if it was taken for dead: else nobody would miss it
            self.db.execute(
                "update clips set state = ?, owner = ?, attempts = attempts + 1, changed = ? where output = ?",
                (WORKING, owner, time.time(), found[0]),
            )
        return self.entry(found[0])

    def finish(self, clip: Entry, owner: str, complete: Path, figures: dict[str, Any], seconds: float) -> bool:
        """Give a complete file, in the owner's folder, its name and note it; False when the claim was lost, and the file is removed."""
        if not self._finishing(clip, owner, figures, seconds):
            remove(complete)
            return False
        try:
            put_in_place(complete, self.folder / clip.output)
        except FileNotFoundError:  # taken for dead, and finished by another process
            if not (self.folder / clip.output).exists():
                raise
        self._done(clip.output, owner)
        return True

    @patient
    def fail(self, clip: Entry, owner: str, error: str, again: bool) -> None:
        """Note why a clip was not made; again: it waits for another try."""
        with self.writing():
            self.db.execute(
                "update clips set state = ?, error = ?, owner = null, changed = ? where output = ? and owner = ?",
                (WAITING if again else FAILED, error, time.time(), clip.output, owner),
            )

    @patient
    def put_back(self, clip: Entry, owner: str) -> None:
        """A claimed clip that could not be begun waits again, as if it had not been tried."""
        with self.writing():
            self.db.execute(
                "update clips set state = ?, owner = null, attempts = attempts - 1 where output = ? and owner = ? and state = ?",
                (WAITING, clip.output, owner, WORKING),
            )

    @patient
    def give_back(self, owner: str) -> None:
        """What an owner that stops on purpose had claimed waits again, as if it had not been tried; what was complete gets its name."""
        half = "select output from clips where owner = ? and state = ?"
        for (output,) in self.db.execute(half, (owner, FINISHING)).fetchall():
            self._finish_for(owner, output)
        remove(self.work_folder(owner))
        with self.writing():
            self.db.execute(
                "update clips set state = ?, owner = null, attempts = attempts - 1 where owner = ? and state = ?",
                (WAITING, owner, WORKING),
            )
            self._forget(owner)

    @patient
    def recover(self, tries: int) -> list[str]:
        """Take the clips of dead owners back: finish what was finishing, let the rest wait or, tried `tries` times, fail.

        Returns the outputs whose owner had died while working on them.
        """
        silence = self._attention.silence_counts()
        dead = [
            owner
            for owner, host, pid, beat in self.db.execute("select * from owners")
            if is_dead(host, pid, beat if silence else time.time())
        ]
        unknown = "select distinct owner from clips where state in (?, ?) and owner not in (select id from owners)"
        dead += [owner for (owner,) in self.db.execute(unknown, (WORKING, FINISHING))]
        lost: list[str] = []
        for owner in dead:
            taken = self.db.execute("select output, state, attempts from clips where owner = ?", (owner,)).fetchall()
            for output, state, attempts in taken:
                if state == FINISHING:
                    self._finish_for(owner, output)
                elif state == WORKING:
                    lost.append(output)
                    error = (
                        f"the process that made it ended {attempts} time(s) before it was done (killed? out of memory?)"
                    )
                    with self.writing():
                        self.db.execute(
                            "update clips set state = ?, error = ?, owner = null where output = ? and owner = ?",
                            (FAILED if attempts >= tries else WAITING, error, output, owner),
                        )
            remove(self.work_folder(owner))
            with self.writing():
                self._forget(owner)
        self._sweep()
        return lost

    # -- reading

    def entry(self, output: str) -> Entry:
        return next(self._entries("output = ?", (output,)))

    def entries(self, run: str) -> Iterator[Entry]:
        """The clips of a run in the order of their rows."""
        return self._entries(f"{OF_RUN} order by row", (run,))

    def working(self, run: str) -> list[str]:
        """Outputs that are being made."""
        found = self.db.execute(f"select output from clips where state = ? and {OF_RUN} order by row", (WORKING, run))
        return [output for (output,) in found]

    def counts(self, run: str) -> dict[str, int]:
        """Clips of a run by state.  Raises OutputError when another batch has taken the run for dead."""
        found = dict(
            self.db.execute(f"select state, count(*) from clips where {OF_RUN} group by state", (run,)).fetchall()
        )
        if not found and self.db.execute("select 1 from owners where id = ?", (run,)).fetchone() is None:
            raise OutputError(
                f"Another batch on this folder took this one for dead, as it was not heard of for {LEASE:.0f} s (did this machine sleep?). "
                "Run the same command again: it goes on from here."
            )
        return {state: found.get(state, 0) for state in (WAITING, WORKING, FINISHING, DONE, FAILED)}

    def _entries(self, where: str, values: tuple[Any, ...]) -> Iterator[Entry]:
        names = "output, row, key, job, state, attempts, error, figures, seconds"
        for row in self.db.execute(f"select {names} from clips where {where}", values):
            output, number, key, job, state, attempts, error, figures, seconds = row
            yield Entry(
                output, number, key, job, state, attempts, error or "", json.loads(figures or "{}"), seconds or 0.0
            )

    # -- steps

    @patient
    def _finishing(self, clip: Entry, owner: str, figures: dict[str, Any], seconds: float) -> bool:
        noted = (FINISHING, json.dumps(figures), seconds, time.time())
        with self.writing():
            changed = self.db.execute(
                "update clips set state = ?, figures = ?, seconds = ?, changed = ? where output = ? and owner = ? and state = ?",
                (*noted, clip.output, owner, WORKING),
            ).rowcount
        return bool(changed)

    @patient
    def _done(self, output: str, owner: str, state: str = DONE) -> None:
        with self.writing():
            self.db.execute(
                "update clips set state = ?, owner = null, error = null, changed = ? where output = ? and owner = ? and state = ?",
                (state, time.time(), output, owner, FINISHING),
            )

    def _finish_for(self, owner: str, output: str) -> None:
        """The rename that a dead owner may have done or not."""
        target = self.folder / output
        complete = self.work_folder(owner) / target.name
        placed = True
        if complete.exists():
            try:
                put_in_place(complete, target)
            except FileNotFoundError:  # a second batch recovers at this moment too
                pass
            except OSError:  # Windows: a player has the earlier file open
                placed = False
        self._done(output, owner, DONE if placed and target.exists() else WAITING)

    def _note_owner(self, owner: str) -> None:
        self.db.execute(
            "insert or ignore into owners values (?,?,?,?)", (owner, socket.gethostname(), os.getpid(), time.time())
        )

    def _sweep(self) -> None:
        """Remove hidden folders of owners that are forgotten: an actor that nobody waits for any more may write on for a while."""
        with suppress(OSError):
            for folder in (self.folder / WORK).iterdir():
                if not self.db.execute("select 1 from owners where id = ?", (folder.name,)).fetchone():
                    remove(folder)
            (self.folder / WORK).rmdir()

    def _forget(self, owner: str) -> None:
        self.db.execute("delete from owners where id = ?", (owner,))
        self.db.execute("delete from members where run = ?", (owner,))
