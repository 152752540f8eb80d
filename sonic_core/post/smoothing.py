"""Temporal smoothing: takes flicker out of frames and leaves what really moves alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from ..errors import SettingsError
from ..frames import Frame, FrameStream
from .luma_evening import evened
from .optical_flow import OpticalFlow
from .temporal_average import averaged

_DECAY_AT_FULL = 0.91
_MEDIAN_LUMA = 6.0


def none(frames: FrameStream, strength: float) -> FrameStream:
    """The frames as they are."""
    _checked(strength)
    return frames


def ema(frames: FrameStream, strength: float) -> FrameStream:
    """Even the brightness of the frames, then average every pixel exponentially over its own time, both ways.

    Looking ahead as well as back, it has no lag. A change beyond noise (lips, lids, a moving head) ends the average on that side,
    so closures and blinks keep their depth and nothing ghosts. strength 0-1: 0 returns the frames untouched.
    """
    if _checked(strength) == 0:
        return frames
    decay = _DECAY_AT_FULL * strength**0.1
    return replace(frames, start=lambda: averaged(evened(iter(frames), strength), decay))


def flow_ema(frames: FrameStream, strength: float) -> FrameStream:
    """`ema` along the motion of the picture: flicker on a moving head goes too, at about four times the work."""
    if _checked(strength) == 0:
        return frames
    decay = _DECAY_AT_FULL * strength**0.1
    return replace(frames, start=lambda: averaged(evened(iter(frames), strength), decay, OpticalFlow()))


def median3(frames: FrameStream, strength: float) -> FrameStream:
    """Median of each pixel and its two neighbours in time, where it differs from the pixel by little more than noise."""
    if _checked(strength) == 0:
        return frames
    return replace(frames, start=lambda: _medians(iter(frames), strength))


METHODS: dict[str, Callable[[FrameStream, float], FrameStream]] = {
    "none": none,
    "ema": ema,
    "flow_ema": flow_ema,
    "median3": median3,
}
"""Name -> function of frames and strength (0-1): all streaming, deterministic, in constant memory."""


def _checked(strength: float) -> float:
    if not 0 <= strength <= 1:
        raise SettingsError(f"strength is {strength}; expected 0 (untouched) to 1 (as calm as possible).")
    return strength


def _medians(frames: Iterator[Frame], strength: float) -> Iterator[Frame]:
    window: deque[Frame] = deque(maxlen=3)
    for frame in frames:
        window.append(frame)
        if len(window) == 2:
            yield window[0]
        elif len(window) == 3:
            yield _median(*window, strength)
    if window:
        yield window[-1]


def _median(before: Frame, now: Frame, after: Frame, strength: float) -> Frame:
    middle = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), now))
    change = middle.astype(np.float32) - now
    size = cv2.blur(cv2.cvtColor(np.abs(change), cv2.COLOR_RGB2GRAY), (5, 5))
    amount = strength * np.exp(-((size / _MEDIAN_LUMA) ** 2))
    return np.rint(now + amount[..., None] * change).astype(np.uint8)
