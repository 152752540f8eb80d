"""Sharpness without a reference: CPBD, the share of edges on which no blur can be seen (Narvekar & Karam 2011).

Scale: 0 to 1, falling steadily with blur. Photographs at full resolution reach 0.3 to 0.6, not 1: most natural edges are wider than three
pixels. A portrait blurred by a Gaussian of 1.2 px falls to about 0.1. Only values of one picture content and size can be compared.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame

BLOCK = 64  # px
EDGE_BLOCK_SHARE = 0.002  # of a block's pixels: fewer edge pixels and the block counts as smooth
# Blur is seen with a probability of 1 - exp(-(width / noticed)^3.6); CPBD counts edges at which it is at most 63 %, that is, edges no
# wider than the width that is just noticed.
LOW_CONTRAST, WIDTH_LOW, WIDTH_HIGH = 50, 5, 3  # levels; px of edge width just noticed below and above it
UPRIGHT = np.tan(np.pi / 8)  # slopes within 22.5 degrees of the row are measured along it
LONGEST = 100  # px, of half an edge


def cpbd(frame: Frame) -> float:
    """0 (blurred) to 1 (sharp) of an RGB uint8 frame [H, W, 3]; NaN for a picture without edges or smaller than a block."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = _edges(luma)
    rows, columns = np.nonzero(edges & _upright(luma))
    widths = _edge_widths(luma, rows, columns)
    unseen = total = 0
    for y in range(0, luma.shape[0] - BLOCK + 1, BLOCK):
        for x in range(0, luma.shape[1] - BLOCK + 1, BLOCK):
            part = (slice(y, y + BLOCK), slice(x, x + BLOCK))
            if np.count_nonzero(edges[part]) <= EDGE_BLOCK_SHARE * BLOCK * BLOCK:
                continue
            noticed = WIDTH_LOW if int(np.ptp(luma[part])) <= LOW_CONTRAST else WIDTH_HIGH
            here = widths[(rows >= y) & (rows < y + BLOCK) & (columns >= x) & (columns < x + BLOCK)]
            unseen += int((here <= noticed).sum())
            total += len(here)
    return unseen / total if total else float("nan")


def _edges(luma: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Upright edges: local maxima of the squared horizontal slope, above a threshold that follows the picture.

    Threshold (twice the root mean square of the slope) and thinning are those of the published implementations, so that values compare.
    """
    squared = cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=0.125) ** 2
    strong = np.pad(np.where(squared > 2 * np.sqrt(squared.mean()), squared, 0), 1)
    middle = strong[1:-1, 1:-1]
    along = (middle > strong[1:-1, :-2]) & (middle > strong[1:-1, 2:])
    across = (middle > strong[:-2, 1:-1]) & (middle > strong[2:, 1:-1])
    edges = along | across
    edges[[0, -1]] = edges[:, [0, -1]] = False
    return edges


def _upright(luma: NDArray[np.float32]) -> NDArray[np.bool_]:
    down, right = np.gradient(luma)
    return (right != 0) & (np.abs(down) <= UPRIGHT * np.abs(right))


def _edge_widths(luma: NDArray[np.float32], rows: NDArray[np.int_], columns: NDArray[np.int_]) -> NDArray[np.int_]:
    """Distance in px from the extremum left of each edge pixel to the one right of it, along its row (Marziliano 2002)."""
    rising = luma[rows, columns + 1] > luma[rows, columns - 1]
    sign = np.where(rising, 1, -1)
    widths = np.zeros(len(rows), int)
    for side in (-1, 1):
        active = np.arange(len(rows))
        reach = 1
        widths += 1
        while len(active) and reach <= LONGEST:
            inside = (columns[active] + side * (reach + 1) >= 0) & (
                columns[active] + side * (reach + 1) < luma.shape[1]
            )
            active = active[inside]
            nearer = luma[rows[active], columns[active] + side * reach]
            farther = luma[rows[active], columns[active] + side * (reach + 1)]
            active = active[side * sign[active] * (farther - nearer) > 0]
            widths[active] += 1
            reach += 1
    return widths
