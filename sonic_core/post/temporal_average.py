"""Averaging each pixel over its own time, as far as nothing moved there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame

LOOKAHEAD = 5
"""Frames that the average looks ahead, so that it lags by nothing; with the running past they are all that is held in memory."""
_STRUCTURE_LUMA = 2.0
"""Change of fine structure beyond the noise at which two moments stop being alike (sigma of the fall)."""
_LEVEL_LUMA = 8.0
"""Change of local brightness at which they do: flicker is below, a mouth that opens is above."""
_FINE, _COARSE = 5, 33
_LEVELS = 256


@dataclass(frozen=True)
class _Moment:
    """A frame on its way through: picture, luma, and how much of the frame before belongs to it (0-1), None at the start."""

    picture: NDArray[np.float32]
    luma: NDArray[np.float32]
    carry: NDArray[np.float32] | None


def averaged(pictures: Iterator[NDArray[np.float32]], decay: float) -> Iterator[Frame]:
    """Two-sided exponential average along time, `decay` (0-1) per frame, less wherever the picture changed.

    pictures: float32 RGB.  The weight of a frame is the product of the likenesses on the way to it, so nothing reaches across a motion.
    """
    ahead: deque[_Moment] = deque()
    past: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    before: NDArray[np.float32] | None = None
    source = iter(pictures)
    while True:
        while len(ahead) <= LOOKAHEAD:
            picture = next(source, None)
            if picture is None:
                break
            luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            carry = None if before is None else decay * likeness(before, luma)
            ahead.append(_Moment(picture, luma, carry))
            before = luma
        if not ahead:
            return
        now = ahead.popleft()
        past = (now.picture, np.ones(now.luma.shape, np.float32)) if past is None else _joined(now, past, now.carry)
        total, weight = past
        if ahead:
            coming = _coming(ahead)
            carry = ahead[0].carry
            total = total + cv2.multiply(coming[0], cv2.merge([carry] * 3))
            weight = weight + coming[1] * carry
        yield _rounded(cv2.divide(total, cv2.merge([weight] * 3)))


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel of two luma pictures shows the same thing, 0-1, whatever the noise and small changes of brightness.

    The noise is what the quieter half of the picture shows.
    """
    change = b - a
    level = cv2.blur(change, (_COARSE, _COARSE))
    structure = cv2.blur(cv2.absdiff(change, level), (_FINE, _FINE))
    noise = float(np.quantile(structure[::4, ::4], 0.4))
    excess = np.maximum(structure - 1.3 * noise, 0)
    exponent = (excess / _STRUCTURE_LUMA) ** 2 + (level / _LEVEL_LUMA) ** 2
    return cv2.exp(-exponent)


def _joined(
    moment: _Moment, other: tuple[NDArray[np.float32], NDArray[np.float32]], carry: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    total, weight = other
    return moment.picture + cv2.multiply(total, cv2.merge([carry] * 3)), 1 + weight * carry


def _coming(ahead: deque[_Moment]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weighted sum of the coming frames as seen from the first of them, and the sum of the weights."""
    last = ahead[-1]
    chain = last.picture, np.ones(last.luma.shape, np.float32)
    for i in range(len(ahead) - 2, -1, -1):
        chain = _joined(ahead[i], chain, ahead[i + 1].carry)
    return chain


def _rounded(picture: NDArray[np.float32]) -> Frame:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
