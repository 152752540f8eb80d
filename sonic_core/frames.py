"""FrameStream: video frames that are made one at a time and forgotten, with their number, size and rate known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .compositing import WHITE, Background, covering, over

Frame = NDArray[np.uint8]
"""RGB uint8 [height, width, 3], or RGBA [height, width, 4] with straight colours, see compositing.py."""

NTSC = Fraction(1000, 1001)
LARGEST_FPS_DENOMINATOR = 1001


def exact_rate(fps: float) -> Fraction:
    """The fraction that a frame rate stands for: 29.97 is 30000/1001, 12.5 is 25/2."""
    ntsc = round(fps / NTSC) * NTSC
    return ntsc if abs(ntsc - fps) < 0.005 else Fraction(fps).limit_denominator(LARGEST_FPS_DENOMINATOR)


@dataclass(frozen=True)
class FrameStream:
    """Frames uint8 `[height, width, channels]`, made anew each time the stream is iterated.

    length: number of frames.  fps: frames per second.  start: opens a fresh iterator over exactly `length` frames.
    channels: 3 = RGB, 4 = RGB and opacity.
    costly: whether a frame takes longer to make than to encode; encoders then leave the cores to those who make them.
    Holding a stream costs no memory per frame; two passes over it (measure, then correct) give identical frames.
    """

    length: int
    width: int
    height: int
    fps: float
    start: Callable[[], Iterator[Frame]]
    channels: int = 3
    costly: bool = False

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

    @property
    def has_alpha(self) -> bool:
        """Whether frames carry opacity."""
        return self.channels == 4

    def over(self, background: Background = WHITE) -> FrameStream:
        """The stream without transparency: laid over a colour, or over a picture, which is scaled to cover the frame."""
        if not self.has_alpha:
            return self
        behind = background if isinstance(background, tuple) else covering(background, self.width, self.height)
        return replace(self.map(lambda frame: over(frame, behind)), channels=3)

    def with_colours(self, change: Callable[[FrameStream], FrameStream]) -> FrameStream:
        """The stream with its colours passed through `change`, which keeps number and size of the frames; opacity stays what it is.

        Where there is opacity every frame is made twice, since `change` may look ahead and nothing is held.
        """
        if not self.has_alpha:
            return change(self)
        changed = change(replace(self.map(lambda frame: np.ascontiguousarray(frame[..., :3])), channels=3))

        def start() -> Iterator[Frame]:
            for colours, frame in zip(changed, self, strict=True):
                yield np.dstack([colours, frame[..., 3]])

        return replace(self, start=start)

    @classmethod
    def from_array(cls, frames: NDArray[np.uint8], fps: float) -> FrameStream:
        """Stream over frames that are in memory already: `[T, H, W, 3 or 4]` uint8."""
        length, height, width, channels = frames.shape
        return cls(length, width, height, fps, lambda: iter(frames), channels)
