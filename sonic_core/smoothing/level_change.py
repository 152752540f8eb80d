"""How much brighter or darker, and in what colour, each part of a picture is than it was in the frame before."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..flow import FOLLOWING, dense_flow, places, read_at
from ..frames import Frame
from .slope import slope

SIDE, NODES = 128, 16
"""px of the small square picture that is compared; nodes per side of the field that comes out."""
DARKEST, BRIGHTEST = 6.0, 249.0
"""Beyond these a pixel is black or white and stays so, whatever the brightness does."""
_TEXTURE = 4.0
_WIDTH_NODES = 0.9
"""Gaussian sigma, in nodes, over which pixels speak for their neighbours: about 1/18 of the picture."""
_DOUBTS = (8.0, 4.0, 3.0)
"""Luma levels by which a pixel may leave the field before it counts for little; tightened from turn to turn."""
_HEARSAY = 0.003
"""Weight of the whole picture's change, for parts that say nothing of their own."""

Field = NDArray[np.float32]
"""`[NODES, NODES, 3]` luma levels of red, green and blue, from top left to bottom right of the picture."""


@dataclass(frozen=True)
class SmallPicture:
    """A frame reduced to `[SIDE, SIDE]`: colours float32, luma uint8."""

    colours: NDArray[np.float32]
    luma: NDArray[np.uint8]

    @classmethod
    def of(cls, frame: Frame) -> SmallPicture:
        small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return cls(small.astype(np.float32), cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


class LevelChange:
    """Measures the change of level from one small picture to the next; what moves is followed, what changes its shape is left out."""

    def __init__(self) -> None:
        self._places = places(SIDE, SIDE)

    def __call__(self, before: SmallPicture, after: SmallPicture) -> Field:
        """The field by which `after` is brighter: robust local means, whose outliers (lips, lids, what is uncovered) lose their weight."""
        followed = read_at(before.colours, self._places + dense_flow(after.luma, before.luma, FOLLOWING))
        change = after.colours - followed
        trust = _trust(after.luma)
        field = np.broadcast_to(_middle(change, trust), change.shape)
        for doubt in _DOUBTS:
            departure = np.square(change - field).mean(axis=2)
            weight = trust / np.square(1 + departure / doubt**2)
            nodes = _local_mean(change, weight)
            field = cv2.resize(nodes, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        return nodes


def spread(field: Field, width: int, height: int) -> NDArray[np.float32]:
    """The field for every pixel: float32 `[height, width, 3]`."""
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)


def _trust(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flat pixels count most: where they moved by a little, they are none the brighter."""
    level = luma.astype(np.float32)
    visible = (level > DARKEST) & (level < BRIGHTEST)
    return np.where(visible, 1 / (1 + np.square(slope(level) / _TEXTURE)), 0).astype(np.float32) + 1e-4


def _middle(change: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median per channel over the more trusted half of every fourth pixel."""
    sample = np.s_[::2, ::2]
    flat = trust[sample] >= np.median(trust[sample])
    return np.median(change[sample][flat], axis=0)


def _local_mean(change: NDArray[np.float32], weight: NDArray[np.float32]) -> Field:
    weighted = np.dstack([change * weight[..., None], weight])
    overall = weighted.sum(axis=(0, 1))
    nodes = cv2.resize(weighted, (NODES, NODES), interpolation=cv2.INTER_AREA)
    nodes = cv2.GaussianBlur(nodes, (0, 0), _WIDTH_NODES, borderType=cv2.BORDER_REFLECT)
    return (nodes[..., :3] + _HEARSAY * overall[:3] / overall[3]) / (nodes[..., 3:] + _HEARSAY)
