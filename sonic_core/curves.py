"""Small numerical tools that several rooms use: a smooth step, running filters over time, the cheapest path through an image of costs.

Without scipy.ndimage, whose import costs every start 0.5 s of CPU time and 19 MB for a few lines.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(x: ArrayLike) -> NDArray:
    """0 below 0, 1 above 1, 3x^2 - 2x^3 between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def gaussian(curve: NDArray[np.floating], sigma: float, reach: float = 3.0) -> NDArray[np.floating]:
    """A curve [T] smoothed without delay, its ends held: same shape and type.  sigma: values.  reach: where the filter ends, in sigmas."""
    radius = int(reach * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(np.asarray(curve, np.float64), radius, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid").astype(curve.dtype)


def running_median(curve: NDArray, radius: int, ends: Literal["edge", "symmetric"] = "edge") -> NDArray:
    """Medians over windows of 2 radius + 1 values of a curve [T]; its ends held or mirrored."""
    return np.median(_windows(np.pad(curve, radius, mode=ends), radius), axis=1).astype(curve.dtype)


def running_maximum(curve: NDArray, radius: int) -> NDArray:
    """Maxima over windows of 2 radius + 1 values of a curve [T], shorter at the ends."""
    return _windows(np.pad(curve, radius, mode="edge"), radius).max(axis=1)


def _windows(padded: NDArray, radius: int) -> NDArray:
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1)


def cheapest_path(cost: NDArray[np.floating], jump: int = 1, penalty: float = 0.15) -> NDArray[np.intp]:
    """Row of the cheapest left-to-right path through cost [rows, columns] (dynamic programming).

    jump: rows that the path may change per column.  penalty: cost per row of change; of equal costs the straight way.  Returns rows
    [columns].
    """
    rows, columns = cost.shape
    total, came_from = cost[:, 0].astype(np.float64), np.empty((columns, rows), np.intp)
    steps = np.array([0, *(sign * k for k in range(1, jump + 1) for sign in (-1, 1))])
    for column in range(1, columns):
        padded = np.pad(total, jump, constant_values=np.inf)
        options = np.stack([padded[jump + step : jump + step + rows] + penalty * abs(step) for step in steps])
        came_from[column] = np.arange(rows) + steps[options.argmin(0)]
        total = options.min(0) + cost[:, column]
    path = np.empty(columns, np.intp)
    path[-1] = total.argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path
