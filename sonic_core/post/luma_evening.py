"""Takes jumps of the whole picture's brightness out of a clip: flicker between frames, strobe between decoded chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame

_CELLS = 96
_CUT = 20.0
"""A median step of this many luma levels is a change of scene, not flicker; nothing is evened across it."""
_TEXTURE = 1.5
_AGREEMENT_LUMA = 4.0
_DARKEST, _BRIGHTEST = 6.0, 249.0
"""Beyond these a pixel is black or white and stays so, whatever the brightness does."""
_FRAMES_AT_FULL = 8.0


def evened(frames: Iterator[Frame], strength: float) -> Iterator[NDArray[np.float32]]:
    """The frames as float32 with their brightness moved onto its own running mean over 8 * strength frames (Gaussian sigma).

    The step from frame to frame is the median over flat cells of the picture, where motion changes nothing. The mean looks both ways, so
    fades stay where they are. Holds 16 * strength frames.
    """
    sigma = max(0.3, _FRAMES_AT_FULL * strength)
    reach = int(np.ceil(2 * sigma))
    levels: deque[float] = deque(maxlen=2 * reach + 1)
    waiting: deque[Frame] = deque()
    small: NDArray[np.float32] | None = None
    for frame in frames:
        last, small = small, _cells(frame)
        step = 0.0 if last is None else brightness_step(last, small)
        if abs(step) > _CUT:
            yield from _release(waiting, levels, sigma, 0)
            levels.clear()
            step = 0.0
        levels.append(step + (levels[-1] if levels else 0.0))
        waiting.append(frame)
        if len(waiting) > reach:
            yield from _release(waiting, levels, sigma, reach)
    yield from _release(waiting, levels, sigma, 0)


def brightness_step(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Weighted median of the change over small luma pictures `[h, w]`; flat cells weigh most.

    Falls to 0 where the cells disagree: then the picture moves, and its brightness cannot be told.
    """
    change = (after - before).ravel()
    texture = np.hypot(cv2.Sobel(after, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(after, cv2.CV_32F, 0, 1, scale=0.125))
    visible = (after > _DARKEST) & (after < _BRIGHTEST)
    weight = np.where(visible, 1 / (1 + (texture / _TEXTURE) ** 2), 1e-6).ravel()
    order = np.argsort(change, kind="stable")
    total = np.cumsum(weight[order])
    low, step, high = change[order[np.searchsorted(total, total[-1] * np.array([0.25, 0.5, 0.75]))]]
    return float(step * np.exp(-(((high - low) / _AGREEMENT_LUMA) ** 2)))


def _cells(frame: Frame) -> NDArray[np.float32]:
    small = (
        cv2.resize(frame, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) if min(frame.shape[:2]) > _CELLS else frame
    )
    return cv2.cvtColor(small.astype(np.float32), cv2.COLOR_RGB2GRAY)


def _release(waiting: deque[Frame], levels: deque[float], sigma: float, keep: int) -> Iterator[NDArray[np.float32]]:
    """Hand out the waiting frames but the newest `keep`, each moved onto the mean of the levels around it."""
    while len(waiting) > keep:
        known = np.array(levels)
        here = len(known) - len(waiting)
        weight = np.exp(-0.5 * ((np.arange(len(known)) - here) / sigma) ** 2)
        shift = weight @ known / weight.sum() - known[here]
        yield waiting.popleft().astype(np.float32) + np.float32(shift)
