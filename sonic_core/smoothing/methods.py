"""Temporal smoothing: takes flicker out of frames and leaves what really moves alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from ..errors import OutputError
from ..frames import Frame, FrameStream
from .luma_evening import evened
from .optical_flow import found_in
from .strength import checked_strength
from .temporal_average import averaged

_DECAY_AT_FULL = 0.91
_MEDIAN_LUMA = 6.0


def none(frames: FrameStream, strength: float) -> FrameStream:
    """The frames as they are."""
    checked_strength(strength)
    return frames


def ema(frames: FrameStream, strength: float) -> FrameStream:
    """Even the level of the frames part by part, then average every pixel exponentially over its own time, both ways.

    Looking ahead as well as back, it has no lag. A change beyond noise (lips, lids, a moving head) ends the average on that side,
    so closures and blinks keep their depth and nothing ghosts. strength 0-1: 0 returns the frames untouched.
    """
    return _averaged(frames, strength, along_motion=False)


def flow_ema(frames: FrameStream, strength: float) -> FrameStream:
    """`ema` along the motion of the picture: grain on a moving head goes too, at about twice the work."""
    return _averaged(frames, strength, along_motion=True)


def median3(frames: FrameStream, strength: float) -> FrameStream:
    """Median of each pixel and its two neighbours in time, where it differs from the pixel by little more than noise."""
    if checked_strength(strength) == 0:
        return frames
    return replace(frames, start=lambda: _medians(_of_one_kind(frames), strength))


METHODS: dict[str, Callable[[FrameStream, float], FrameStream]] = {
    "none": none,
    "ema": ema,
    "flow_ema": flow_ema,
    "median3": median3,
}
"""Name -> function of frames and strength (0-1): all streaming, deterministic, in constant memory."""


def _averaged(frames: FrameStream, strength: float, along_motion: bool) -> FrameStream:
    if checked_strength(strength) == 0:
        return frames
    decay = _DECAY_AT_FULL * strength**0.1

    def start() -> Iterator[Frame]:
        return averaged(evened(_of_one_kind(frames), strength), decay, found_in if along_motion else None)

    return replace(frames, start=start)


def _of_one_kind(frames: FrameStream) -> Iterator[Frame]:
    """The frames, as long as they are RGB uint8 of the stream's size; OutputError names the first that is not."""
    expected = (frames.height, frames.width, 3)
    for index, frame in enumerate(frames):
        if frame.shape != expected or frame.dtype != np.uint8:
            raise OutputError(
                f"Frame {index} is {frame.dtype} {list(frame.shape)}, but the clip is uint8 {list(expected)}: height, width, RGB. "
                "Bring all frames to one size, and to 0-255, before smoothing."
            )
        yield frame


def _medians(frames: Iterator[Frame], strength: float) -> Iterator[Frame]:
    window: deque[Frame] = deque(maxlen=3)
    for frame in frames:
        window.append(frame)
        if len(window) == 2:
            yield window[0]
        elif len(window) == 3:
            before, now, after = window
            yield _median(before, now, after, strength)
    if window:
        yield window[-1]


def _median(before: Frame, now: Frame, after: Frame, strength: float) -> Frame:
    middle = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), now))
    change = middle.astype(np.float32) - now
    size = cv2.blur(cv2.cvtColor(np.abs(change), cv2.COLOR_RGB2GRAY), (5, 5))
    amount = strength * np.exp(-((size / _MEDIAN_LUMA) ** 2))
    return np.rint(now + amount[..., None] * change).astype(np.uint8)
