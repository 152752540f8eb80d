"""Worker: a process that makes clips one after another, with its engine loaded once; started and stopped by batch.py.

It reads what to do from the first line of stdin and stops when stdin ends: that is how it learns of a batch that was killed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..job_json import job_from_values
from .ledger import Entry, Ledger
from .making import FAILURES, FINAL, Bench, Maker, reason_of
from .owners import BEAT
from .places import is_full, remove
from .remote_files import local
from .store import WAIT_FOR_ROOM

IDLE = 0.2  # s between two looks for a waiting clip


@dataclass(frozen=True)
class Task:
    """What a worker is told.  folder: of the output.  run: whose clips.  tries: for each.  threads: its share.  measure: judge each clip.

    stop_after: failures, 0 = never.  device: for engines that have the choice, "" = the job's.
    """

    folder: str
    run: str
    tries: int = 2
    threads: int = 1
    measure: bool = True
    stop_after: int = 0
    device: str = ""


class StoppedError(Exception):
    """The batch wants the clip in work dropped."""


class Worker:
    """Claims, makes, measures and finishes clips until it is stopped."""

    def __init__(self, task: Task, stopped: threading.Event) -> None:
        self.task, self.stopped = task, stopped
        self.ledger = Ledger(Path(task.folder))
        self.owner = self.ledger.enlist()
        self.place = self.ledger.work_folder(self.owner)
        self.maker = Maker(task.measure, task.device, self._check_stop)

    def run(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            while not self.stopped.is_set():
                clip = self.ledger.claim(self.task.run, self.owner, self.task.stop_after)
                if clip is None:
                    self.stopped.wait(IDLE)
                else:
                    self._make(clip)
        except StoppedError:
            pass
        finally:
            self.ledger.give_back(self.owner)

    def _make(self, clip: Entry) -> None:
        begin = time.monotonic()
        while True:
            try:
                complete, figures = self.maker.make(clip.job, self.place)
                self.ledger.finish(clip, self.owner, complete, figures, round(time.monotonic() - begin, 3))
                return
            except FAILURES as error:
                remove(self.place)
                if is_full(error) and time.monotonic() - begin < WAIT_FOR_ROOM:
                    self._check_stop()
                    self.stopped.wait(2.0)  # somebody may be making room
                    continue
                again = not isinstance(error, FINAL) and clip.attempts < self.task.tries
                self.ledger.fail(clip, self.owner, reason_of(error), again)
                return

    def _check_stop(self) -> None:
        if self.stopped.is_set():
            raise StoppedError

    def _beat(self) -> None:
        ledger = Ledger(Path(self.task.folder))
        while not self.stopped.wait(BEAT):
            with suppress(OutputError):
                ledger.beat(self.owner)
        ledger.close()


def trial(values: Mapping[str, Any], folder: Path, seconds: float) -> dict[str, float]:
    """Make the first seconds of a clip in `folder` and say what a second of video costs: {"seconds", "bytes"} per second of it."""
    from ..pipeline import generate

    job = job_from_values(local(values))
    bench = Bench()
    loaded = bench.load(job)
    length = min(seconds, loaded.audio.duration)
    settings = replace(job.settings, duration=length, length_policy="trim")
    job = replace(job, settings=settings, output=folder / Path(str(job.output)).name, overwrite=True)
    begin = time.perf_counter()
    made = generate(job, loaded)
    taken = time.perf_counter() - begin
    files = made.path.rglob("*") if made.path.is_dir() else [made.path]
    return {"seconds": taken / made.duration, "bytes": sum(file.stat().st_size for file in files) / made.duration}


def _watch(stopped: threading.Event) -> None:
    """Wait until whoever started this process ends or wants it to."""
    while os.read(0, 4096):
        pass
    stopped.set()


def main() -> None:
    from ..threads import prepare_process

    prepare_process()
    told = json.loads(_line())
    threads = told.get("threads", 1)
    import cv2

    cv2.setNumThreads(threads)  # the others read the environment that batch.py has made
    if "trial" in told:
        print(json.dumps(trial(told["trial"], Path(told["folder"]), told["seconds"])))  # noqa: T201 - the answer
        return
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stopped,), daemon=True).start()
    Worker(Task(**told), stopped).run()


def _line() -> bytes:
    """The first line of stdin, unbuffered: what follows is `_watch`'s."""
    line = b""
    while not line.endswith(b"\n") and (sign := os.read(0, 1)):
        line += sign
    return line


if __name__ == "__main__":
    main()
    sys.stdout.flush()
