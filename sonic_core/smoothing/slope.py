"""How steep a picture is at each pixel: flat parts show the noise, and where they moved by a little nothing changed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def slope(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levels per px, float32, of luma `[H, W]`."""
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    return np.sqrt(across * across + down * down)  # cv2.magnitude rounds by where in memory its pictures lie
