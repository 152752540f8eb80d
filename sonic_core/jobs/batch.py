"""Batch: keeps workers at a plan's clips until all are done or have failed, and brings dead workers back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import OutputError, SonicError
from ..threads import ONE_THREAD_OF_NUMPY, SHARE
from .ledger import DONE, FAILED, FINISHING, WAITING, WORKING, Ledger
from .owners import BEAT
from .worker import Task

POLL = 0.1  # s between two looks at the ledger, at least
POLL_SHARE = 20  # a look may take 1 / POLL_SHARE of the time
RECOVER = 1.0  # s between two searches for dead owners
STOPPING = 60.0
"""Seconds that workers get to drop their clip cleanly."""
FRUITLESS = 3
"""Workers that may die in a row without a clip being claimed, before the batch gives up."""
TRIAL_SECONDS = 2.0
LAST_WORDS = 600  # characters of a dead worker's stderr
SHARE_VARIABLES = (SHARE, "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Crew:
    """workers: processes.  devices: dealt to them in turn, empty = the jobs' own.  tries: per clip.  stop_after: failures, 0 = never.

    measure: judge each clip (sync, closures, ...).
    """

    workers: int = 1
    devices: Sequence[str] = ()
    tries: int = 2
    stop_after: int = 0
    measure: bool = True

    @property
    def threads(self) -> int:
        """A worker's share of the cores."""
        return max(1, _cores() // self.workers)


@dataclass(frozen=True)
class State:
    """Where a batch is.  now: outputs in work."""

    done: int
    failed: int
    total: int
    now: tuple[str, ...] = ()


Report = Callable[[State], None]


def work_off(ledger: Ledger, run: str, crew: Crew, tell: Report = lambda state: None) -> State:
    """Have every clip of `run` (an owner of the ledger, which this process keeps alive) made; returns how it ended.

    Another batch on the same folder may make some of them.  Raises OutputError when no worker can work, and whatever `tell` raises;
    the workers then drop their clips, which wait again.
    """
    team = Team(ledger, run, crew)
    with beating(ledger.folder, [run]), team.dismissed_at_the_end():
        searched = 0.0
        while True:
            begin = time.monotonic()
            counts = ledger.counts(run)
            state = State(counts[DONE], counts[FAILED], sum(counts.values()), tuple(ledger.working(run)))
            tell(state)
            if not counts[WAITING] + counts[WORKING] + counts[FINISHING] or (
                crew.stop_after and counts[FAILED] >= crew.stop_after
            ):
                break
            if begin - searched > RECOVER:
                ledger.recover(crew.tries)
                searched = begin
            team.keep(counts[WAITING], len(state.now))
            time.sleep(max(POLL, POLL_SHARE * (time.monotonic() - begin)))
    counts = ledger.counts(run)  # others may have ended while the workers were dismissed
    return State(counts[DONE], counts[FAILED], sum(counts.values()))


class Team:
    """The worker processes of a batch."""

    def __init__(self, ledger: Ledger, run: str, crew: Crew) -> None:
        self.ledger, self.run, self.crew = ledger, run, crew
        self.members: dict[int, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        self.fruitless = 0

    def keep(self, waiting: int, working: int) -> None:
        """Start workers for what waits, in the place of dead ones too."""
        if working:
            self.fruitless = 0
        for number, (process, words) in list(self.members.items()):
            if process.poll() is not None:
                del self.members[number]
                self._mourn(process, words)
        for number in range(min(self.crew.workers, waiting + len(self.members))):
            if waiting and number not in self.members:
                self.members[number] = self._start(number)

    def _start(self, number: int) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        device = self.crew.devices[number % len(self.crew.devices)] if self.crew.devices else ""
        crew = self.crew
        task = Task(str(self.ledger.folder), self.run, crew.tries, crew.threads, crew.measure, crew.stop_after, device)
        words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _mourn or _dismiss
        process = start_process(asdict(task), stderr=words)
        return process, words

    def _mourn(self, process: subprocess.Popen[bytes], words: IO[bytes]) -> None:
        self.fruitless += 1
        said = _last_words(words)
        if process.stdin:
            process.stdin.close()
        if self.fruitless >= FRUITLESS:
            raise OutputError(
                f"The worker processes end before they do anything (exit code {process.returncode}); the last one said:\n{said}"
            )

    @contextmanager
    def dismissed_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._dismiss()

    def _dismiss(self) -> None:
        for process, _ in self.members.values():
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
        end = time.monotonic() + STOPPING
        for process, words in self.members.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            words.close()
        self.ledger.recover(self.crew.tries)


def start_process(told: Mapping[str, Any], **streams: Any) -> subprocess.Popen[bytes]:
    """A worker process that has been told its task; it stops when its stdin is closed, and hears no Ctrl-C.

    Its share of the cores is said before it starts: NumPy's libraries ask once, when they are loaded.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    share = dict.fromkeys(SHARE_VARIABLES, str(told.get("threads", 1)))
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_core.jobs.worker"],
        stdin=subprocess.PIPE,
        env={**dict([ONE_THREAD_OF_NUMPY]), **os.environ, **share, "PYTHONPATH": path},
        **_apart(),
        **streams,
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it died at once: told by its exit code
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
    return process


def _apart() -> dict[str, Any]:
    """How a process is started that does not get the terminal's Ctrl-C."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def measured_trial(job: str, crew: Crew, seconds: float = TRIAL_SECONDS) -> tuple[float, float]:
    """Seconds of work and bytes of file per second of video, measured on the first seconds of a clip.  job: JSON text.

    Raises OutputError with the worker's words where that clip cannot be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = {"trial": json.loads(job), "folder": folder, "seconds": seconds, "threads": crew.threads}
        process = start_process(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        answer, words = process.communicate()
    if process.returncode:
        last = words.decode(errors="replace").strip().splitlines()[-1:]
        raise OutputError(f"The trial clip could not be made: {''.join(last)}")
    figures = json.loads(answer.splitlines()[-1])
    return figures["seconds"], figures["bytes"]


@contextmanager
def beating(folder: Path, owners: Collection[str]) -> Iterator[None]:
    """Says that owners of this process are alive, from a thread of its own.  owners: may change meanwhile."""
    ended = threading.Event()

    def beat() -> None:
        ledger = Ledger(folder)
        while not ended.wait(BEAT):
            with suppress(SonicError):
                for owner in tuple(owners):
                    ledger.beat(owner)
        ledger.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _last_words(words: IO[bytes]) -> str:
    with words:
        words.seek(0, os.SEEK_END)
        words.seek(max(0, words.tell() - LAST_WORDS))
        return words.read().decode(errors="replace").strip()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
