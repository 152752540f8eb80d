"""The one way pictures change their size here."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """One good filter: area averages when shrinking, Lanczos when growing."""
    shrinks = width * height < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4)
