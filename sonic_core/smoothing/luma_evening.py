"""Takes flicker of brightness and colour out of a clip, and the steps between decoded chunks; what light really does stays."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from .level_change import BRIGHTEST, DARKEST, NODES, Field, LevelChange, SmallPicture, spread
from .level_steps import CUT, StepFinder

_FRAMES_AT_FULL = 12.0
"""Gaussian sigma of the running mean at strength 1."""
_UNSEEN = 0.15
"""Luma levels of flicker that nobody sees: fields that flicker less are left as they are, more and more."""
_BROAD = 2.0
"""Flicker is everywhere: no part counts as flickering by more than twice what half of the picture does."""
_SECOND_DIFFERENCE = 6**0.5 / 1.4826
"""Median size of second differences of white noise, per standard deviation of the noise."""
_BEYOND_BLACK = 2.0
"""A correction may use a pixel's distance to black, or to white, and this many luma levels: what was cut off there is not known."""
_TEXTURE, _AGREEMENT_LUMA = 1.5, 4.0


def evened(frames: Iterator[Frame], strength: float) -> Iterator[NDArray[np.float32]]:
    """The frames as float32 `[H, W, 3]`, the level of every part moved onto its own running mean over 12 * strength frames (sigma).

    Levels are measured in a coarse field (level_change.py).  They are corrected as far as they flicker from frame to frame, so that
    fades and shades stay; sudden steps of the whole picture are closed (level_steps.py).  The mean looks both ways and lags by
    nothing; holds up to 24 * strength + 6 frames.
    """
    sigma = max(0.3, _FRAMES_AT_FULL * strength)
    reach = int(np.ceil(2 * sigma))
    measure, scene = LevelChange(), _Scene(sigma, reach)
    small: SmallPicture | None = None
    for frame in frames:
        last, small = small, SmallPicture.of(frame)
        change = np.zeros((NODES, NODES, 3), np.float32) if last is None else measure(last, small)
        if np.median(np.abs(change)) > CUT:
            yield from scene.rest()
            scene = _Scene(sigma, reach)
            change = np.zeros_like(change)
        yield from scene.add(frame, change)
    yield from scene.rest()


class _Scene:
    """Frames between two cuts: those that wait for their future, and the levels around them."""

    def __init__(self, sigma: float, reach: int) -> None:
        self._sigma, self._reach = sigma, reach
        self._steps = StepFinder()
        self._waiting: deque[Frame] = deque()
        self._levels: deque[Field] = deque(maxlen=2 * reach + 1)
        self._offsets: deque[Field] = deque(maxlen=reach + 1)

    def add(self, frame: Frame, change: Field) -> Iterator[NDArray[np.float32]]:
        self._waiting.append(frame)
        yield from self._take(self._steps.add(change))

    def rest(self) -> Iterator[NDArray[np.float32]]:
        yield from self._take(self._steps.rest())
        while self._offsets:
            yield self._corrected(len(self._levels) - len(self._offsets))

    def _take(self, decided: Iterator[tuple[Field, Field]]) -> Iterator[NDArray[np.float32]]:
        for change, offset in decided:
            self._levels.append(change + (self._levels[-1] if self._levels else np.float32(0)))
            self._offsets.append(offset)
            if len(self._offsets) > self._reach:
                yield self._corrected(len(self._levels) - len(self._offsets))

    def _corrected(self, here: int) -> NDArray[np.float32]:
        frame = self._waiting.popleft()
        field = self._offsets.popleft() + flicker_correction(np.stack(self._levels), here, self._sigma)
        return _added(frame, field)


def _added(frame: Frame, field: Field) -> NDArray[np.float32]:
    """The frame with its level changed; near black and white less and less, where the level that was cut off is not known."""
    picture = frame.astype(np.float32)
    if not np.any(field):
        return picture
    change = spread(field, frame.shape[1], frame.shape[0])
    np.minimum(change, picture + _BEYOND_BLACK, out=change)
    np.maximum(change, picture - (255 + _BEYOND_BLACK), out=change)
    return np.add(picture, change, out=change)


def flicker_correction(levels: NDArray[np.float32], here: int, sigma: float) -> Field:
    """What to add to the frame at index `here` of levels `[T, NODES, NODES, 3]`, to bring it onto the mean around it.

    As far as it flickers: noise is what second differences show, which slow changes leave at 0, or what the frame shows alone.
    """
    weight = np.exp(-0.5 * np.square((np.arange(len(levels)) - here) / sigma)).astype(np.float32)
    mean = np.tensordot(weight / weight.sum(), levels, axes=1)
    around = levels[max(0, here - 2) : here + 3]
    alone = levels[here] - np.median(around, axis=0) if len(around) > 2 else np.zeros_like(mean)
    noise = np.square(alone).mean(axis=2)
    if len(levels) > 2:
        unrest = np.median(np.abs(np.diff(levels, n=2, axis=0)), axis=0) / _SECOND_DIFFERENCE
        noise = np.maximum(noise, np.square(unrest).mean(axis=2))
    noise = np.minimum(noise, _BROAD * np.median(noise))
    return (noise / (noise + _UNSEEN**2))[..., None] * (mean - levels[here])


def brightness_step(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Weighted median of the change over small luma pictures `[h, w]`; flat cells weigh most.

    Falls to 0 where the cells disagree: then the picture moves, and its brightness cannot be told.
    """
    change = (after - before).ravel()
    texture = np.hypot(cv2.Sobel(after, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(after, cv2.CV_32F, 0, 1, scale=0.125))
    visible = (after > DARKEST) & (after < BRIGHTEST)
    weight = np.where(visible, 1 / (1 + (texture / _TEXTURE) ** 2), 1e-6).ravel()
    order = np.argsort(change, kind="stable")
    total = np.cumsum(weight[order])
    low, step, high = change[order[np.searchsorted(total, total[-1] * np.array([0.25, 0.5, 0.75]))]]
    return float(step * np.exp(-(((high - low) / _AGREEMENT_LUMA) ** 2)))
