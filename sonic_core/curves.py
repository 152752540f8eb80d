"""Small numerical tools that several rooms use: a smooth step, running filters over time, the cheapest path through an image of costs.

Without scipy.ndimage, whose import costs every start 0.5 s of CPU time and 19 MB for a few lines.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(x: ArrayLike) -> NDArray:
    """0 below 0, 1 above 1, 3x^2 - 2x^3 between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def smoothstep_of(x: float) -> float:
    """The same of one number, at a tenth of what an array costs."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def gaussian(curve: NDArray[np.floating], sigma: float, reach: float = 3.0) -> NDArray[np.floating]:
    """A curve [T] smoothed without delay, its ends held: same shape and type.  sigma: values.  reach: where the filter ends, in sigmas."""
    kernel = _bell(sigma, reach)
    padded = held(np.asarray(curve, np.float64), len(kernel) // 2)
    return np.convolve(padded, kernel, "valid").astype(curve.dtype)


@lru_cache
def _bell(sigma: float, reach: float) -> NDArray[np.float64]:
    radius = int(reach * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def held(curve: NDArray, count: int) -> NDArray:
    """A curve [T] with its ends held for `count` values more; np.pad does the same and costs five times as much on short curves."""
    longer = np.empty(len(curve) + 2 * count, curve.dtype)
    longer[:count], longer[count : count + len(curve)], longer[count + len(curve) :] = curve[0], curve, curve[-1]
    return longer


def running_median(curve: NDArray, radius: int, ends: Literal["edge", "symmetric"] = "edge") -> NDArray:
    """Medians over windows of 2 radius + 1 values of a curve [T]; its ends held or mirrored."""
    return np.sort(_windows(np.pad(curve, radius, mode=ends), radius), axis=1)[:, radius].astype(curve.dtype)


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
    along = np.ascontiguousarray(cost.T, np.float64)
    padded = np.full(rows + 2 * jump, np.inf)
    total = padded[jump : jump + rows]
    total[:] = along[0]
    steps = [sign * k for k in range(1, jump + 1) for sign in (-1, 1)]
    reached = [(step, padded[jump + step : jump + step + rows], penalty * abs(step)) for step in steps]
    came_by = np.zeros((columns, rows), np.int8 if jump < 128 else np.intp)
    best, option, cheaper = np.empty(rows), np.empty(rows), np.empty(rows, bool)
    for column in range(1, columns):
        best[:] = total
        for step, before, price in reached:
            np.add(before, price, out=option)
            np.less(option, best, out=cheaper)
            np.copyto(best, option, where=cheaper)
            np.copyto(came_by[column], step, where=cheaper)
        np.add(best, along[column], out=total)
    path = np.empty(columns, np.intp)
    path[-1] = total.argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = path[column] + came_by[column, path[column]]
    return path
