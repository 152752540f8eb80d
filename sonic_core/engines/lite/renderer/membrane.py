"""Holes in a picture filled smoothly: colours carried in from round them, and a membrane without a step where it meets the picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

GRAIN = 44  # cells per IOD in which both are computed: they are smooth, and full resolution would be waste
HOLD = 6.0  # how much a trusted pixel counts against its four neighbours
ROUNDS = 160  # of relaxation, from a start that is near


def spread(
    picture: NDArray[np.float32], weight: NDArray[np.float32], widths: Sequence[tuple[float, float]], iod: float
) -> NDArray[np.float32]:
    """Normalised convolution (Knutsson and Westin 1993): colours of pixels with weight, carried to those with little.

    picture: [h, w, 3].  weight: [h, w], above 0.  widths: Gaussians, sigma in IOD and how much it counts.  iod: px between the eyes.
    Returns [h, w, 3].
    """
    size, scale = _cells(weight.shape, iod)
    mass = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    weighted = cv2.resize(picture * weight[..., None], size, interpolation=cv2.INTER_AREA)
    both = np.dstack([weighted, mass])
    total = np.zeros_like(both)
    for sigma, share in widths:
        if share > 0:
            total += np.float32(share) * cv2.GaussianBlur(both, (0, 0), sigma * iod * scale)
    filled = total[..., :3] / total[..., 3:]
    return cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)


def membrane(
    picture: NDArray[np.float32], trust: NDArray[np.float32], start: NDArray[np.float32], iod: float
) -> NDArray[np.float32]:
    """Least squares of slopes and of the distance to trusted pixels (Perez et al. 2003, with soft borders), by relaxation.

    picture: [h, w, 3].  trust: [h, w], 0 where the membrane is free to 1 where it is held.  start: [h, w, 3], a first guess.
    iod: px between the eyes.  Returns [h, w, 3].
    """
    size, _ = _cells(trust.shape, iod)
    hold = np.float32(HOLD) * cv2.resize(trust, size, interpolation=cv2.INTER_AREA)
    held = np.float32(HOLD) * cv2.resize(picture * trust[..., None], size, interpolation=cv2.INTER_AREA)
    share = 1 / (1 + hold[..., None])
    held *= share
    surface = cv2.resize(start, size, interpolation=cv2.INTER_AREA)
    cross = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
    for _ in range(ROUNDS):
        surface = cv2.filter2D(surface, -1, cross, borderType=cv2.BORDER_REPLICATE) * share + held
    return cv2.resize(surface, trust.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _cells(shape: tuple[int, ...], iod: float) -> tuple[tuple[int, int], float]:
    """Width and height in cells of a picture of `shape`, and cells per px."""
    scale = min(GRAIN / iod, 1.0)
    return (max(round(shape[1] * scale), 4), max(round(shape[0] * scale), 4)), scale
