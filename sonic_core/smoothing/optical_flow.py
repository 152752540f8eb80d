"""Where what a frame shows is found in its neighbour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..flow import FOLLOWING, dense_flow, places

_STILL_PX = 0.12
"""Shorter motion is none: reading between pixels only blurs."""


def found_in(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
    """For every pixel of luma `here` `[H, W]` its place in `there`: float32 `[H, W, 2]`, x and y in px, as cv2.remap reads it."""
    flow = dense_flow(here, there, FOLLOWING)
    flow[np.hypot(flow[..., 0], flow[..., 1]) < _STILL_PX] = 0
    return places(*here.shape) + flow
