"""Sharpness without a reference: CPBD, the share of edges on which no blur can be seen (Narvekar & Karam 2011)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame

BLOCK = 64  # px
EDGE_BLOCK_SHARE = 0.002  # of a block's pixels: fewer edge pixels and the block counts as smooth
BETA = 3.6
JUST_NOTICEABLE = 0.63  # probability of seeing blur at the width that is just noticed
LOW_CONTRAST, WIDTH_LOW, WIDTH_HIGH = 50, 5.0, 3.0  # levels; px of edge width just noticed below and above it


def cpbd(frame: Frame) -> float:
    """0 (blurred) to 1 (sharp) of an RGB uint8 frame [H, W, 3]; NaN for a picture without edges."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    edges, widths = _edges(luma), _edge_widths(luma)
    unseen = total = 0
    for y in range(0, luma.shape[0] - BLOCK + 1, BLOCK):
        for x in range(0, luma.shape[1] - BLOCK + 1, BLOCK):
            part = (slice(y, y + BLOCK), slice(x, x + BLOCK))
            found = edges[part]
            if found.sum() <= EDGE_BLOCK_SHARE * BLOCK * BLOCK:
                continue
            noticed = WIDTH_LOW if np.ptp(luma[part]) <= LOW_CONTRAST else WIDTH_HIGH
            probability = 1 - np.exp(-((widths[part][found] / noticed) ** BETA))
            unseen += int((probability <= JUST_NOTICEABLE).sum())
            total += int(found.sum())
    return unseen / total if total else float("nan")


def _edges(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Upright edges, thinned along the row: local maxima of the horizontal slope above a threshold that follows the picture."""
    slope = np.abs(cv2.Sobel(luma.astype(np.float32), -1, 1, 0, scale=0.125))
    strong = slope > 2 * np.sqrt(np.mean(slope**2)) if slope.any() else np.zeros_like(slope, bool)
    before, after = np.roll(slope, 1, axis=1), np.roll(slope, -1, axis=1)
    strong &= (slope >= before) & (slope > after)
    strong[:, [0, -1]] = False
    return strong


def _edge_widths(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Distance in px from the extremum left of each pixel to the one right of it, along a rising or a falling row (Marziliano 2002)."""
    step = np.diff(luma.astype(np.int16), axis=1)
    widths = np.zeros(luma.shape, np.float32)
    for signed in (step > 0, step < 0):
        right = np.zeros(luma.shape, np.int32)
        left = np.zeros(luma.shape, np.int32)
        for x in range(luma.shape[1] - 2, -1, -1):
            right[:, x] = np.where(signed[:, x], right[:, x + 1] + 1, 0)
        for x in range(1, luma.shape[1]):
            left[:, x] = np.where(signed[:, x - 1], left[:, x - 1] + 1, 0)
        widths = np.maximum(widths, left + right)
    return widths
