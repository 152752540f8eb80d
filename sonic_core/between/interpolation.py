"""Another frame rate: frames at new times between the old ones, streamed, without drift, and nothing blended across a cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import BETWEEN, dense_flow, places, read_at
from ..frames import Frame, FrameStream, exact_rate
from ..stream_check import check_frames, checked
from .flow_interpolation import flow_between
from .interpolators import check_fps

_THUMBNAIL = 96
_CUT_CHANGE = 0.5
"""Mean change that no motion explains, in standard deviations of the picture, from which it is a cut.

Measured: 0.8 to 1.1 between unrelated pictures, up to 0.2 for a pan of a sixth of the picture, 0.06 for a talking head at 12.5 fps.
"""
_CUT_LEVELS = 6.0
"""A smaller mean change, in levels of 0-255, is no cut in any picture."""

Picture = TypeVar("Picture")
At = Callable[[float], Picture]
Between = Callable[[Picture, Picture], At[Picture]]
"""between(first, second) -> picture at a time between them, 0 < time < 1; both pictures are given once, whatever the number of times."""


def interpolated(
    frames: FrameStream, fps: float, between: Between[Frame] = flow_between, duration: float | None = None
) -> FrameStream:
    """The clip at `fps`: frame i shows the time i / fps of the original, exactly round(duration * fps) frames.

    between: how frames are made, by default optical flow.  duration: s, where the sound does not end with a frame; by default its own.
    Times after the last frame show the last frame.  Two frames are held.  At its own rate and length the clip comes back as it is.
    Raises SettingsError for an fps outside 1-240 and OutputError when there are no frames or they have no rate.
    """
    check_fps(fps)
    check_frames(frames)
    step = exact_rate(frames.fps) / exact_rate(fps)
    length = max(1, round((frames.duration if duration is None else duration) * fps))
    if step == 1 and length == len(frames):
        return frames
    return replace(
        frames,
        length=length,
        fps=float(fps),
        start=lambda: resampled(checked(frames), step, length, _within_scenes(between)),
    )


def resampled(pictures: Iterable[Picture], step: Fraction, length: int, between: Between[Picture]) -> Iterator[Picture]:
    """Exactly `length` pictures, at the places 0, step, 2 step, ... of a row of pictures; after its end the last one is held.

    Places that fall on a picture give that very picture.  The row is read one picture at a time, as late as possible.
    """
    row = iter(pictures)
    before = last = next(row)
    index, ended, at = 0, False, None
    for i in range(length):
        whole, part = divmod(i * step, 1)
        while index < whole + (part > 0) and not ended:
            following = next(row, None)
            if following is None:
                ended = True
            else:
                before, last, index, at = last, following, index + 1, None
        if part == 0 or ended:
            yield last
        else:
            at = at or between(before, last)
            yield at(float(part))


def _within_scenes(between: Between[Frame]) -> Between[Frame]:
    """`between` where two frames show the same scene; across a cut the nearer frame, and of equal frames the frame itself."""

    def nearest_or_between(first: Frame, second: Frame) -> At[Frame]:
        if np.array_equal(first, second):
            return lambda time: first
        if is_cut(first, second):
            return lambda time: first if time < 0.5 else second
        return between(first, second)

    return nearest_or_between


def is_cut(first: Frame, second: Frame) -> bool:
    """Whether two frames show different scenes: no motion explains the change between their thumbnails."""
    a, b = _thumbnail(first), _thumbnail(second)
    change = a - read_at(b, places(*a.shape) + dense_flow(a, b, BETWEEN)).astype(np.float32)
    moved = float(np.abs(change - change.mean()).mean())  # brighter or darker as a whole is no other scene
    return moved > _CUT_LEVELS and moved > _CUT_CHANGE * float(a.std() + b.std()) / 2


def _thumbnail(frame: Frame) -> NDArray[np.uint8]:
    scale = _THUMBNAIL / min(frame.shape[:2])
    size = max(_THUMBNAIL, round(frame.shape[1] * scale)), max(_THUMBNAIL, round(frame.shape[0] * scale))
    return cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
