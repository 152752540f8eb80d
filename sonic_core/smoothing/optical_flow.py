"""Where every pixel of one picture is found in another: dense inverse search (Kroeger et al. 2016, OpenCV), at half resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_STILL_PX = 0.12
"""Shorter motion is none: reading between pixels only blurs."""
_WORKING_SIDE = 320
"""Shorter side at which motion is searched."""


class OpticalFlow:
    """Makes lookup maps between pictures of one size."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._search.setFinestScale(1)  # the usual 2 is too coarse for strands of hair
        self._grid: NDArray[np.float32] | None = None

    def places(self, here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
        """For every pixel of luma `here` `[H, W]` its place in `there`: float32 `[H, W, 2]`, x and y in px, as cv2.remap reads it."""
        height, width = here.shape
        scale = min(1.0, _WORKING_SIDE / min(height, width))
        size = max(16, round(width * scale)), max(16, round(height * scale))
        flow = self._search.calc(_small(here, size), _small(there, size), None)
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * np.array(
            (width / size[0], height / size[1]), np.float32
        )
        flow[np.hypot(flow[..., 0], flow[..., 1]) < _STILL_PX] = 0
        if self._grid is None or self._grid.shape[:2] != here.shape:
            self._grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
        return self._grid + flow


def _small(luma: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.clip(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), 0, 255).astype(np.uint8)
