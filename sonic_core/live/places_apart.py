"""Places of the live page that are processes, so that nobody waits for another one's Python; the server keeps the door only."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from ..engines.streaming import Stage
from ..errors import NotEnoughMemoryError, SonicError
from .place_process import NOT_OURS, Answer, FromPlace, Given, Left, Logged, Offer, Ready, Recorded, run_place
from .places import Places, Welcome

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""s that a place has to complete its recording when all ends."""
PAUSE = 10.0
"""s until a place that could not even be made ready is tried again."""
RETURNS = 20.0
"""s that somebody who comes waits for a place that is being made ready."""
LAST_WORDS = 10.0
"""s for what an ended process has said to be taken from its pipe."""


class PlacesApart(Places):
    """A process for every place, ready before somebody comes; one that dies is replaced.

    make_stage: makes the portrait ready, in every process; it is pickled, as `welcome` is.
    """

    def __init__(self, make_stage: Callable[[], Stage], welcome: Welcome, count: int) -> None:
        super().__init__(count)
        self._make_stage, self._welcome = make_stage, welcome
        self._places: list[_Worker] = []
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """Of the processes that live now."""
        return [pid for worker in self._places if (pid := worker.process.pid)]

    @property
    def free(self) -> int:
        """Places that would take somebody now."""
        return sum(worker.free for worker in self._places)

    async def open(self) -> None:
        for _ in range(self.count):
            self._places.append(self._begun())
        for worker in self._places:
            self.notes = await worker.ready

    @property
    def restarting(self) -> bool:
        return bool(self._coming)

    @property
    def _coming(self) -> list[asyncio.Future[Any]]:
        """What ends when a place may have become free: processes that start, and those that are being replaced."""
        futures: list[asyncio.Future[Any]] = [worker.ready for worker in self._places]
        futures.extend(self._tasks)
        return [future for future in futures if not future.done()]

    async def answer(self, offer: str, language: str, gone: Callable[[], bool]) -> str | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + RETURNS
        while not gone():
            for worker in list(self._places):
                if worker.free:
                    answer = await worker.ask(Offer(offer, language))
                    if isinstance(answer, SonicError):
                        raise answer
                    if answer is not None:
                        return answer
            coming, left = self._coming, until - loop.time()
            if not coming or left <= 0 or self._closing:
                return None
            await asyncio.wait(coming, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return None

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(worker.end() for worker in self._places))
        self._places.clear()

    def _begun(self) -> _Worker:
        return _Worker(self._make_stage, self._welcome, self._heard, self._lost)

    def _heard(self, message: Recorded | Logged) -> None:
        if isinstance(message, Recorded):
            self.note_recording(message.path)
        else:
            log.log(message.level, "%s", message.text)

    def _lost(self, worker: _Worker) -> None:
        """A process has ended; another one takes its place."""
        if self._closing or worker not in self._places:
            return
        task = asyncio.get_running_loop().create_task(self._replace(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, worker: _Worker) -> None:
        await worker.end()
        log.warning("A session's process ended (exit code %s); another one takes its place.", worker.process.exitcode)
        if not worker.was_ready:
            log.warning("It could not be made ready: %s", worker.ready.exception())
            await asyncio.sleep(PAUSE)
        self._places[self._places.index(worker)] = self._begun()


class _Worker:
    """One process as the server sees it; made in the running loop.  heard: of recordings and the log.  lost: it has ended."""

    def __init__(
        self,
        make_stage: Callable[[], Stage],
        welcome: Welcome,
        heard: Callable[[Recorded | Logged], None],
        lost: Callable[[_Worker], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())  # nobody has to look
        self.was_ready = self._empty = False
        self._answer: asyncio.Future[str | SonicError | None] | None = None
        self._heard, self._lost = heard, lost
        context = multiprocessing.get_context("spawn")  # a copy of a process with threads and networks may hang
        self._pipe, theirs = context.Pipe()
        level = logging.getLogger(__package__.rpartition(".")[0]).getEffectiveLevel()
        # The portrait goes through our own pipe: given to `Process`, it would be waited for without end where the process dies meanwhile.
        self._given: Given = (make_stage, welcome, level)
        self.process = context.Process(target=run_place, args=(theirs,), name="live session", daemon=True)
        self._started = threading.Event()
        # A thread, since Windows' loop cannot wait for pipes; and Ctrl-C cannot tear it while it starts the process.
        self._attending = threading.Thread(
            target=self._attend, args=(loop, theirs), name="live session's messages", daemon=True
        )
        self._attending.start()

    @property
    def free(self) -> bool:
        """Whether somebody may come."""
        return self._empty and self._answer is None

    async def ask(self, offer: Offer) -> str | SonicError | None:
        """The answer to an offer; None where the process ends before it gives one.  The place is taken from now on."""
        self._empty, self._answer = False, asyncio.get_running_loop().create_future()
        try:
            with suppress(OSError):
                self._pipe.send(offer)
            return await self._answer
        finally:
            self._answer = None

    async def end(self) -> None:
        """Say goodbye and wait; may be called when the process has ended already."""
        self._empty = False
        if self.was_ready:
            with suppress(OSError):
                self._pipe.send(None)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        self._started.wait()
        if self.process.pid is None:
            return
        if not self.was_ready:
            self.process.terminate()  # it does not listen yet
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self._attending.join(LAST_WORDS)  # a recording may have been told of that is not noted yet

    def _attend(self, loop: asyncio.AbstractEventLoop, theirs: Connection) -> None:
        """Start the process, then take its messages until it ends."""
        fault: Exception | None = None
        try:
            with _terminal_unheard():
                self.process.start()
            theirs.close()  # so that the pipe ends with the process
            self._started.set()
            self._pipe.send(self._given)
            while True:
                loop.call_soon_threadsafe(self._take, self._pipe.recv())
        except (EOFError, OSError):
            pass
        except Exception as error:  # a stage that cannot be pickled, a program without `if __name__ == "__main__"`
            fault = error
        self._started.set()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._gone, fault)

    def _take(self, message: FromPlace) -> None:
        match message:
            case Ready():
                self._empty = self.was_ready = True
                if not self.ready.done():
                    self.ready.set_result(message.notes)
            case Left():
                self._empty = True
            case Answer():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(message.sdp)
            case SonicError():
                if not self.ready.done():
                    self.ready.set_exception(message)
            case _:
                self._heard(message)

    def _gone(self, fault: Exception | None) -> None:
        """fault: what kept the process from being told its work, None = it has ended."""
        self._empty = False
        if not self.ready.done():
            self.ready.set_exception(
                fault
                or NotEnoughMemoryError(
                    "The process of a session ended before it was ready. Close other programs, or choose fewer --sessions."
                )
            )
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        self._lost(self)


@contextmanager
def _terminal_unheard() -> Iterator[None]:
    """What is started inside never hears Ctrl-C, not even while Python starts; here it is heard afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # would let the signals in again when it is begun
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, [getattr(signal, name) for name in NOT_OURS if hasattr(signal, name)]
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
