"""Sound and picture of a session as WebRTC tracks, and a peer's sound as samples (aiortc)."""

from __future__ import annotations

import asyncio
from collections import deque
from fractions import Fraction

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from ..frames import Frame
from .core import LiveFrame

PACKET = 0.02
"""s of sound in a packet."""
MOST_WAITING = 50  # packets of sound for a peer that takes none
VIDEO_CLOCK = 90_000  # Hz, RFC 3551


class PictureTrack(MediaStreamTrack):
    """The newest picture, as soon as it is there; a slow encoder leaves out pictures."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: LiveFrame | None = None
        self._there = asyncio.Event()

    def show(self, frame: LiveFrame) -> None:
        """Send this picture next; one that is not drawn anew is not sent again."""
        if frame.drawn:
            self._newest = frame
            self._there.set()

    async def recv(self) -> av.VideoFrame:
        """For aiortc: waits for the next picture."""
        await self._there.wait()
        if self.readyState != "live" or self._newest is None:
            raise MediaStreamError
        self._there.clear()
        picture = av.VideoFrame.from_ndarray(_even(self._newest.image), format="rgb24")
        picture.pts, picture.time_base = round(self._newest.time * VIDEO_CLOCK), Fraction(1, VIDEO_CLOCK)
        return picture

    def stop(self) -> None:
        super().stop()
        self._there.set()


class SoundTrack(MediaStreamTrack):
    """The sound of the frames, both channels alike, in packets of 20 ms.  rate: Hz."""

    kind = "audio"

    def __init__(self, rate: int) -> None:
        super().__init__()
        self._rate, self._size = rate, round(PACKET * rate)
        self._packets: deque[tuple[int, NDArray[np.int16]]] = deque(maxlen=MOST_WAITING)
        self._there = asyncio.Event()

    def play(self, frame: LiveFrame) -> None:
        """Send this frame's sound after what was given before."""
        first = round(frame.time * self._rate)
        samples = np.round(frame.audio * 32767).astype(np.int16)
        for start in range(0, len(samples), self._size):
            self._packets.append((first + start, samples[start : start + self._size]))
        self._there.set()

    async def recv(self) -> av.AudioFrame:
        """For aiortc: waits for the next packet."""
        while not self._packets:
            self._there.clear()
            await self._there.wait()
            if self.readyState != "live":
                raise MediaStreamError
        first, samples = self._packets.popleft()
        # Twice the same: made stereo by FFmpeg it would be 3 dB softer.
        frame = av.AudioFrame.from_ndarray(samples.repeat(2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = self._rate, first, Fraction(1, self._rate)
        return frame

    def stop(self) -> None:
        super().stop()
        self._packets.clear()
        self._there.set()


def samples_of(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Float32 `[channels, n]` within -1..1 of a received frame (packed 16 bit, as aiortc decodes)."""
    packed = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return np.ascontiguousarray(packed.T).astype(np.float32) / np.float32(32768)


def _even(image: Frame) -> Frame:
    """Without an odd last row or column, which video codecs do not take."""
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height - height % 2, : width - width % 2])
