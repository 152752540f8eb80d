"""A place of the live page in a process of its own: what that process runs, and the messages between it and the server.

Offers go in, answers come out; sound and pictures go between this process and the browser alone.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from ..engines.streaming import Stage
from ..errors import SettingsError, SonicError
from ..threads import prepare_process
from .peer import Peer
from .places import Welcome, peer_of

PACKAGE = __name__.partition(".live.")[0]
NOT_OURS = ("SIGINT", "SIGHUP", "SIGBREAK")
"""Ctrl-C and a closed terminal reach every process of the terminal; the server alone acts on them, and says goodbye to its places."""


@dataclass(frozen=True)
class Offer:
    """To the place: somebody comes.  language: of messages to the person."""

    sdp: str
    language: str


@dataclass(frozen=True)
class Ready:
    """From the place: it can take somebody.  notes: what the portrait cannot do."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """From the place, to an offer: an SDP answer, or why there is none."""

    sdp: str | SonicError


@dataclass(frozen=True)
class Left:
    """From the place: it is free again."""


@dataclass(frozen=True)
class Recorded:
    """From the place: a recording is complete."""

    path: Path


@dataclass(frozen=True)
class Logged:
    """From the place: a line for the server's log."""

    level: int
    text: str


FromPlace = Ready | Answer | Left | Recorded | Logged | SonicError
"""An error: the place cannot be made ready, and ends."""


Given = tuple[Callable[[], Stage], Welcome, int]
"""To the place, first of all: what makes the portrait ready, what everybody gets, from which level on lines are logged."""


def run_place(pipe: Connection) -> None:
    """Be a place until the server says goodbye or is gone, or SIGTERM comes."""
    for name in NOT_OURS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    prepare_process()
    try:
        make_stage, welcome, level = pipe.recv()
    except (EOFError, OSError):
        return
    place = _Place(pipe, welcome)
    logger = logging.getLogger(PACKAGE)
    logger.addHandler(_ToServer(place.tell))
    logger.setLevel(level)
    try:
        stage = make_stage()
        welcome.check(stage)
    except SonicError as error:
        place.tell(error)
        return
    asyncio.run(place.serve(stage))


class _Place:
    def __init__(self, pipe: Connection, welcome: Welcome) -> None:
        self._pipe, self._welcome = pipe, welcome
        self._lock = threading.Lock()

    def tell(self, message: FromPlace) -> None:
        """To the server, from any thread; into the void where it is gone."""
        with self._lock, suppress(OSError):
            self._pipe.send(message)

    async def serve(self, stage: Stage) -> None:
        """Take one person after the other; the last recording is completed."""
        loop, offers = asyncio.get_running_loop(), asyncio.Queue[Offer | None]()

        def listen() -> None:
            """A thread, since Windows' loop cannot wait for pipes."""
            with suppress(EOFError, OSError, RuntimeError):  # the server is gone; the loop is closed
                while True:
                    loop.call_soon_threadsafe(offers.put_nowait, self._pipe.recv())
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(offers.put_nowait, None)

        signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(offers.put_nowait, None))
        threading.Thread(target=listen, name="offers", daemon=True).start()
        self.tell(Ready(stage.notes))
        staying: dict[Peer, asyncio.Task[None]] = {}
        while (offer := await offers.get()) is not None:
            peer = peer_of(stage, self._welcome, lambda path: self.tell(Recorded(path)), offer.language)
            staying[peer] = task = loop.create_task(self._until_gone(peer))
            task.add_done_callback(lambda _, peer=peer: staying.pop(peer))  # type: ignore[misc]
            try:
                answer: str | SonicError = await peer.answer(offer.sdp)
            except SettingsError as error:
                answer = error
            self.tell(Answer(answer))
        await asyncio.gather(*(peer.close() for peer in staying), *staying.values())

    async def _until_gone(self, peer: Peer) -> None:
        await peer.closed.wait()
        self.tell(Left())
        await peer.gone.wait()


class _ToServer(logging.Handler):
    def __init__(self, tell: Callable[[Logged], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Logged(record.levelno, self.format(record)))
