"""Where the people who come to the live page are served: what a kind of place has to do, and places in the server's own process."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiortc import RTCIceServer

from ..engines.streaming import Stage
from ..errors import SettingsError
from ..frames import FrameStream
from ..media.visible_label import with_visible_label
from ..settings import Settings
from .ice import IceServer
from .peer import Peer
from .recorder import Recording

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Welcome:
    """What everybody gets.  settings: that a session begins with.  recording: where it may record.  ice_servers: for our side."""

    settings: Settings
    recording: Recording
    ice_servers: Sequence[IceServer] = ()

    def check(self, stage: Stage) -> None:
        """Raises SettingsError for a label that does not fit: told now, and not to everybody who comes."""
        shape = FrameStream(1, stage.width, stage.height, stage.fps, lambda: iter(()))
        with_visible_label(shape, self.recording.job.labels.visible)


class Places(ABC):
    """A number of places; raises SettingsError for a wrong one.

    recorded: files of this run by their names.  notes: what the portrait cannot do, known after `open`.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise SettingsError(f"sessions is {count}; expected 1 or more.")
        self.count = count
        self.recorded: dict[str, Path] = {}
        self.notes: tuple[str, ...] = ()

    @property
    def restarting(self) -> bool:
        """Whether a place that nobody has is being made ready again."""
        return False

    @abstractmethod
    async def open(self) -> None:
        """Be ready for people; raises SonicError where that cannot be.  `close` must follow, then too."""

    @abstractmethod
    async def answer(self, offer: str, language: str, gone: Callable[[], bool]) -> str | None:
        """The answer to an SDP offer; None when all places are taken, or not ready in time.  Raises SettingsError for what is no offer.

        gone: whether who asks has left meanwhile, and takes no place.
        """

    @abstractmethod
    async def close(self) -> None:
        """End all sessions; recordings that run are completed.  May be called twice."""

    def note_recording(self, path: Path) -> None:
        """A file is complete."""
        self.recorded[path.name] = path
        log.info("Recorded: %s", path)


class PlacesHere(Places):
    """Places that are threads of this process."""

    def __init__(self, stage: Stage, welcome: Welcome, count: int = 1) -> None:
        super().__init__(count)
        welcome.check(stage)
        self.peers: set[Peer] = set()
        self._stage, self._welcome, self.notes = stage, welcome, stage.notes
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        pass  # a stage is ready

    async def answer(self, offer: str, language: str, gone: Callable[[], bool]) -> str | None:
        if len(self.peers) >= self.count or gone():
            return None
        peer = peer_of(self._stage, self._welcome, self.note_recording, language)
        self.peers.add(peer)
        task = asyncio.get_running_loop().create_task(self._until_closed(peer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return await peer.answer(offer)

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in list(self.peers)))
        await asyncio.gather(*self._closing)

    async def _until_closed(self, peer: Peer) -> None:
        await peer.closed.wait()
        self.peers.discard(peer)
        await peer.gone.wait()


def peer_of(stage: Stage, welcome: Welcome, recorded: Callable[[Path], None], language: str) -> Peer:
    """Somebody who comes, as the host has it for everybody."""
    ice_servers = [RTCIceServer(one.url, one.username or None, one.password or None) for one in welcome.ice_servers]
    visible = welcome.recording.job.labels.visible
    return Peer(stage, welcome.settings, welcome.recording, recorded, ice_servers, visible, language)
