"""Where every pixel of one picture is found in another: dense inverse search (Kroeger et al. 2016, OpenCV)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]
"""`[H, W, 2]`, x and y in px."""


@dataclass(frozen=True)
class Search:
    """How motion is searched.

    preset: OpenCV's.  finest: level of the pyramid at which the search ends, 0 for single pixels, -1 for the preset's own.
    side: shorter side, px, at which larger pictures are searched.  calm: Gaussian sigma over what is found, px of the searched size.
    """

    preset: int
    finest: int = -1
    side: int = 320
    calm: float = 0.0


FOLLOWING = Search(cv2.DISOPTICAL_FLOW_PRESET_FAST, finest=1)
"""Every frame of a clip against the one before; the preset's own level 2 is too coarse for strands of hair and for small pictures."""
BETWEEN = Search(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, side=512, calm=2.0)
"""For frames that are made of it; calm, because teeth and lips, which move differently, must not tear at their border."""


def dense_flow(here: NDArray, there: NDArray, search: Search) -> Flow:
    """Where each pixel of grey `here` `[H, W]`, 0-255, is found in `there`, seen from its own place."""
    height, width = here.shape
    scale = min(1.0, search.side / min(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    finder = cv2.DISOpticalFlow.create(search.preset)
    if search.finest >= 0:
        finder.setFinestScale(search.finest)
    flow = finder.calc(_small(here, size), _small(there, size), None)
    if search.calm:
        flow = cv2.GaussianBlur(flow, (0, 0), search.calm)
    if size == (width, height):
        return flow
    return cv2.resize(flow, (width, height)) * np.array((width / size[0], height / size[1]), np.float32)


def places(height: int, width: int) -> NDArray[np.float32]:
    """Each pixel's own place, `[H, W, 2]`, x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def read_at(picture: NDArray, place: NDArray[np.float32]) -> NDArray:
    """The picture as it looks at `place` `[H, W, 2]`, between the pixels, its border going on outside."""
    return cv2.remap(picture, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _small(grey: NDArray, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.clip(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), 0, 255).astype(np.uint8)
