"""Pictures between two pictures by dense optical flow: both come along their motion and are blended."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import BETWEEN, Flow, dense_flow, places, read_at
from ..frames import Frame

Picture = NDArray[np.float32]

_INVERSIONS = 3
_CONTRADICTION_PX = 5.0
"""Where the two directions of flow differ by this much or more, neither is believed; by one less, both are."""
_LEVELS = 2.0
"""Softness of the choice between moved and unmoved pictures, in levels of 0-255 by which they fit each other better."""
_TRUST_PX, _FIT_PX = 9, 7


class FlowBetween:
    """The picture at any time between `first` and `second`, RGB `[H, W, 3]` in 0-255; motion is searched once.

    Where the flow explains the change badly (teeth that appear between closed lips), the pictures are blended unmoved: soft, never torn.
    """

    def __init__(self, first: NDArray[np.uint8] | Picture, second: NDArray[np.uint8] | Picture) -> None:
        before, after = _grey(first), _grey(second)
        self._first, self._second = (picture.astype(np.float32) for picture in (first, second))
        self._forward, self._backward = dense_flow(before, after, BETWEEN), dense_flow(after, before, BETWEEN)
        self._pixels = places(*first.shape[:2])
        self._unmoved_misfit = _misfit(self._first, self._second)

    def __call__(self, time: float) -> Picture:
        """float32 `[H, W, 3]`.  time: 0 = first, 1 = second."""
        from_first, from_second = self._origin(self._forward, time), self._origin(self._backward, 1 - time)
        first, second = read_at(self._first, from_first), read_at(self._second, from_second)
        trust = self._trust(from_first, from_second, time) * _better(_misfit(first, second), self._unmoved_misfit)
        moved = _blend(first, second, time)
        unmoved = _blend(self._first, self._second, time)
        return unmoved + (moved - unmoved) * trust[..., None]

    def _origin(self, flow: Flow, share: float) -> Picture:
        """Where the pixels were from which `share` of `flow` leads to each pixel: the flow's inverse, by fixed-point steps."""
        place = self._pixels - share * flow
        for _ in range(_INVERSIONS):
            place = self._pixels - share * read_at(flow, place)
        return place

    def _trust(self, from_first: Picture, from_second: Picture, time: float) -> NDArray[np.float32]:
        """0-1 per pixel: whether both pictures tell of the same motion."""
        forward, backward = (self._pixels - from_first) / time, (self._pixels - from_second) / (1 - time)
        across, down = cv2.split(forward + backward)
        contradiction = np.sqrt(across * across + down * down)
        return cv2.blur(np.clip(_CONTRADICTION_PX - contradiction, 0, 1), (_TRUST_PX, _TRUST_PX))


def flow_between(first: Frame, second: Frame) -> _FlowFrames:
    """Frames between two frames by optical flow; any time."""
    return _FlowFrames(first, second)


class _FlowFrames(FlowBetween):
    """FlowBetween in uint8."""

    def __call__(self, time: float) -> Frame:  # type: ignore[override]  # the same picture in another number format
        return np.rint(np.clip(super().__call__(time), 0, 255)).astype(np.uint8)


def _grey(picture: NDArray[np.uint8] | Picture) -> NDArray[np.uint8]:
    return cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)


def _blend(first: Picture, second: Picture, time: float) -> Picture:
    return cv2.addWeighted(first, 1 - time, second, time, 0)


def _misfit(first: Picture, second: Picture) -> NDArray[np.float32]:
    """Mean difference around each pixel, in levels."""
    return cv2.blur(cv2.absdiff(first, second).mean(axis=2), (_FIT_PX, _FIT_PX))


def _better(misfit: NDArray[np.float32], than: NDArray[np.float32]) -> NDArray[np.float32]:
    """0-1: how clearly the first misfit is the smaller one."""
    return 1 / (1 + np.exp(np.clip((misfit - than) / _LEVELS, -30, 30)))
