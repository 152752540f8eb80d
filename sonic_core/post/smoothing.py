"""Temporal smoothing: takes flicker out of frames and leaves what really moves alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..frames import Frame, FrameStream

LOOKAHEAD = 4
"""Frames that the two-sided average looks ahead, so that it lags by nothing; they are all that is held in memory."""
_STILL_LUMA, _SCENE_LUMA = 3.5, 24.0
_LOCAL = 9
_CELLS = 32


def ema(frames: FrameStream, strength: float) -> FrameStream:
    """Two-sided exponential average along each pixel's own time, cut wherever the picture really changes.

    Looking both ways, it has no lag. A change of a pixel's neighbourhood that is larger than noise (lips, lids, a moving head) ends the
    average on that side, so closures and blinks keep their depth and nothing ghosts. Before, the brightness of the whole frame is
    evened. strength 0-1: 0 returns the frames untouched.
    """
    if _checked(strength) == 0:
        return frames
    return replace(frames, start=lambda: _averaged(_evened(iter(frames), strength), strength))


def median3(frames: FrameStream, strength: float) -> FrameStream:
    """Median of each pixel and its two neighbours in time, where it differs from the pixel by no more than noise."""
    if _checked(strength) == 0:
        return frames
    return replace(frames, start=lambda: _median(iter(frames), strength))


def none(frames: FrameStream, strength: float) -> FrameStream:
    """The frames as they are."""
    _checked(strength)
    return frames


METHODS: dict[str, Callable[[FrameStream, float], FrameStream]] = {"none": none, "ema": ema, "median3": median3}
"""Name -> function of frames and strength (0-1), all streaming, deterministic and in constant memory."""


@dataclass(frozen=True)
class _Moment:
    """A frame on its way through: float32 picture, uint8 luma, and how alike each pixel is to the frame before (0-1, float32)."""

    picture: NDArray[np.float32]
    luma: NDArray[np.uint8]
    kept: NDArray[np.float32] | None


def _checked(strength: float) -> float:
    if not 0 <= strength <= 1:
        raise SettingsError(f"strength is {strength}; expected 0 (untouched) to 1 (as calm as possible).")
    return strength


def _luma(picture: NDArray) -> NDArray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _likeness(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """1 where the neighbourhoods differ by noise, falling to 0 where something moved."""
    change = cv2.blur(cv2.absdiff(a, b), (3, 3))
    local = cv2.blur(cv2.subtract(a, b, dtype=cv2.CV_16S), (_LOCAL, _LOCAL))
    table = _LIKENESS_TABLE
    return table[change] * table[np.minimum(np.abs(local) * 2, 255).astype(np.uint8)]


_LIKENESS_TABLE = np.exp(-((np.maximum(0, np.arange(256) - 3.0) / (1.5 * _STILL_LUMA)) ** 2)).astype(np.float32)


def _evened(frames: Iterator[Frame], strength: float) -> Iterator[NDArray[np.float32]]:
    """Frames with jumps of the whole picture's brightness taken out, measured where nothing moves."""
    level, calm, last = 0.0, 0.0, None
    follow = 1 - 0.9 * strength
    for frame in frames:
        small = cv2.resize(_luma(frame), (_CELLS * 4, _CELLS * 4), interpolation=cv2.INTER_AREA).astype(np.float32)
        if last is not None:
            step = float(np.median(small - last))
            if abs(step) > _SCENE_LUMA:
                level = calm = 0.0
            level += step
            calm += follow * (level - calm)
        last = small
        yield frame.astype(np.float32) + np.float32(calm - level)


def _averaged(pictures: Iterator[NDArray[np.float32]], strength: float) -> Iterator[Frame]:
    decay = np.float32(0.9 * strength**0.5)
    ahead: deque[_Moment] = deque()
    past_sum = past_weight = None
    last_luma: NDArray[np.uint8] | None = None
    source = iter(pictures)
    while True:
        while len(ahead) <= LOOKAHEAD:
            picture = next(source, None)
            if picture is None:
                break
            luma = _luma(np.clip(picture, 0, 255).astype(np.uint8))
            kept = None if last_luma is None else decay * _likeness(luma, last_luma)
            ahead.append(_Moment(picture, luma, kept))
            last_luma = luma
        if not ahead:
            return
        now = ahead.popleft()
        coming_sum, coming_weight = _chain(ahead)
        total, weight = now.picture.copy(), np.ones(now.luma.shape, np.float32)
        if past_sum is not None:
            carry = now.kept
            past_sum, past_weight = past_sum * carry[..., None], past_weight * carry
            total += past_sum
            weight += past_weight
        past_sum, past_weight = total.copy(), weight.copy()
        if coming_sum is not None:
            carry = ahead[0].kept
            total += coming_sum * carry[..., None]
            weight += coming_weight * carry
        yield np.rint(np.clip(total / weight[..., None], 0, 255)).astype(np.uint8)


def _chain(ahead: deque[_Moment]) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Weighted sum of the coming frames as seen from the first of them, and the sum of the weights."""
    total = weight = None
    for i in range(len(ahead) - 1, -1, -1):
        moment = ahead[i]
        if total is None:
            total, weight = moment.picture.copy(), np.ones(moment.luma.shape, np.float32)
        else:
            carry = ahead[i + 1].kept
            total = moment.picture + total * carry[..., None]
            weight = 1 + weight * carry
    return total, weight


def _median(frames: Iterator[Frame], strength: float) -> Iterator[Frame]:
    window: deque[Frame] = deque(maxlen=3)
    for frame in frames:
        window.append(frame)
        if len(window) == 1:
            continue
        if len(window) == 2:
            yield window[0]
            continue
        yield _median_of(*window, strength)
    if window:
        yield window[-1]


def _median_of(before: Frame, now: Frame, after: Frame, strength: float) -> Frame:
    middle = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), now))
    change = cv2.blur(_luma(cv2.absdiff(middle, now)), (3, 3))
    amount = (strength * _LIKENESS_TABLE)[change][..., None]
    mixed = now + amount * (middle.astype(np.float32) - now)
    return np.rint(mixed).astype(np.uint8)
