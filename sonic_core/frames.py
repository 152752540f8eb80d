"""FrameStream: video frames that are made one at a time and forgotten, with their number, size and rate known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

NTSC = Fraction(1000, 1001)
LARGEST_FPS_DENOMINATOR = 1001


def exact_rate(fps: float) -> Fraction:
    """The fraction that a frame rate stands for: 29.97 is 30000/1001, 12.5 is 25/2."""
    ntsc = round(fps / NTSC) * NTSC
    return ntsc if abs(ntsc - fps) < 0.005 else Fraction(fps).limit_denominator(LARGEST_FPS_DENOMINATOR)


@dataclass(frozen=True)
class FrameStream:
    """RGB uint8 frames `[height, width, 3]`, made anew each time the stream is iterated.

    length: number of frames.  fps: frames per second.  start: opens a fresh iterator over exactly `length` frames.
    Holding a stream costs no memory per frame; two passes over it (measure, then correct) give identical frames.
    """

    length: int
    width: int
    height: int
    fps: float
    start: Callable[[], Iterator[Frame]]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Frame]:
        return self.start()

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.length / self.fps

    def map(self, change: Callable[[Frame], Frame]) -> FrameStream:
        """The same stream with every frame passed through `change`, which keeps the size."""
        return replace(self, start=lambda: (change(frame) for frame in self.start()))

    @classmethod
    def from_array(cls, frames: NDArray[np.uint8], fps: float) -> FrameStream:
        """Stream over frames that are in memory already: `[T, H, W, 3]` uint8."""
        length, height, width, _ = frames.shape
        return cls(length, width, height, fps, lambda: iter(frames))
