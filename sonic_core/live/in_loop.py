"""Frames of a session for an event loop: the session works in a thread of its own, the loop awaits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..frames import Frame, FrameStream
from ..media.visible_label import VisibleLabel, with_visible_label
from .core import LiveFrame
from .session import LiveSession

MOST_AHEAD = 12
"""Frames that may wait for the loop.  Beyond them the session waits and leaves out pictures, no sound."""
ENDLESS = 10**9  # frames


class FramesInLoop:
    """`async for frame in FramesInLoop(session)`: begins at once, ends with `session.close()`; made inside the running loop.

    label: words that are drawn into the picture.  An error of the engine is raised where the frames are awaited.
    """

    def __init__(self, session: LiveSession, label: VisibleLabel | None = None) -> None:
        self.session = session
        self._frames: Iterable[LiveFrame] = session if label is None else labelled(session, label)
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[LiveFrame | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(MOST_AHEAD)
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="live session", daemon=True)
        self._thread.start()

    def __aiter__(self) -> FramesInLoop:
        return self

    async def __anext__(self) -> LiveFrame:
        if self._ended:
            raise StopAsyncIteration
        got = await self._queue.get()
        self._room.release()
        if isinstance(got, LiveFrame):
            return got
        self._ended = True
        if got is None:
            raise StopAsyncIteration
        raise got

    async def close(self) -> None:
        """Close the session and wait for its thread; may be called twice."""
        self.session.close()
        self._room.release()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        last: BaseException | None = None
        try:
            for frame in self._frames:
                self._room.acquire()
                self._hand_over(frame)
        except BaseException as error:
            last = error
        self._hand_over(last)

    def _hand_over(self, got: LiveFrame | BaseException | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, got)


def labelled(session: LiveSession, label: VisibleLabel) -> Iterator[LiveFrame]:
    """The session's frames with words drawn into their pictures.  Raises SettingsError where these do not fit."""
    stage, last = session.stage, list[LiveFrame]()

    def images() -> Iterator[Frame]:
        for frame in session:
            last[:] = [frame]
            yield frame.image

    stream = FrameStream(ENDLESS, stage.width, stage.height, stage.fps, images)
    for image in with_visible_label(stream, label):
        yield replace(last[0], image=image)
