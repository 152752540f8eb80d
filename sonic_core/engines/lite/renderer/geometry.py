"""Small numerical tools of the renderer: curve smoothing, thin-plate spline, sampling."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

AT_ONCE = 512  # places at which a spline is evaluated at once: what that takes stays in the cache


def smooth_curve(y: NDArray, sigma: float) -> NDArray:
    """Gaussian smoothing of samples [N] with point-reflected ends, so that both end values stay."""
    if sigma <= 0:
        return y
    radius = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.r_[2 * y[0] - y[radius:0:-1], y, 2 * y[-1] - y[-2 : -radius - 2 : -1]]
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def thin_plate_spline(points: NDArray, values: NDArray, query: NDArray, smoothing: float) -> NDArray:
    """Thin-plate spline (Duchon 1977) through `values` [N] at `points` [N, 2], evaluated at `query` [M, 2]; scale points to about 1.

    smoothing: 0 = through every point.  The numbers of scipy's RBFInterpolator, whose import costs every start 0.6 s and 28 MB.
    """
    count = len(points)
    plane = np.column_stack([np.ones(count), points])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _thin_plate(points, points) + smoothing * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    weights = np.linalg.solve(system, np.append(values, np.zeros(3)))
    result = np.empty(len(query))
    for first in range(0, len(query), AT_ONCE):
        some = query[first : first + AT_ONCE]
        bent = _thin_plate(some, points) @ weights[:count]
        result[first : first + AT_ONCE] = bent + np.column_stack([np.ones(len(some)), some]) @ weights[count:]
    return result


def _thin_plate(query: NDArray, points: NDArray) -> NDArray:
    """r^2 log r between [M, 2] and [N, 2]: [M, N]."""
    x, y = (query[:, axis, None].astype(np.float64) - points[:, axis] for axis in (0, 1))
    # In place: most of the time goes into fresh memory otherwise.
    x *= x
    y *= y
    x += y
    np.copyto(y, x)
    y[y <= 0] = 1
    np.log(y, out=y)
    x *= 0.5
    x *= y
    return x


def sample_linear(image: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """Bilinear samples of `image` at x, y (px, any 2-D shape), border replicated."""
    return cv2.remap(
        image,
        np.ascontiguousarray(x, np.float32),
        np.ascontiguousarray(y, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def remap(image: NDArray, positions: NDArray[np.float32], out: NDArray | None = None) -> NDArray:
    """Bilinear samples of `image` at `positions` [h, w, 2] (px), border replicated; in `out` if given."""
    return cv2.remap(image, positions, None, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)


def counted_from(origin: tuple[int, int], positions: NDArray[np.float32], density: int = 1) -> NDArray[np.float32]:
    """Positions [h, w, 2] of a picture `density` times as fine -> px counted from `origin` (x, y)."""
    (x, y), share = origin, 1 / density
    return cv2.transform(positions, np.array([[share, 0, -x], [0, share, -y]]))


def shifted(positions: NDArray[np.float32], amount: NDArray, direction: NDArray) -> NDArray[np.float32]:
    """Positions [h, w, 2] moved by `amount` [h, w] px along a direction [2 or more] of the picture."""
    moved = positions.copy()
    for axis, share in enumerate(direction[:2].tolist()):
        moved[..., axis] += amount * share
    return moved


def sample_nearest(image: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """Nearest samples of `image` at x, y (px, any shape), clamped to the picture."""
    height, width = image.shape[:2]
    columns = np.clip(np.rint(x), 0, width - 1).astype(int)
    rows = np.clip(np.rint(y), 0, height - 1).astype(int)
    return image[rows, columns]


def pixel_grid(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.float32]:
    """Coordinates [y1 - y0, x1 - x0, 2] (x, y) of the pixels of a box."""
    xs, ys = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    return np.stack([xs, ys], -1)


def clipped_box(points: NDArray, pad: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole-pixel box x0, y0, x1, y1 round points [N, 2] with a margin, inside the picture (may be empty)."""
    x0, y0 = np.maximum(np.floor(points.min(0) - pad).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(points.max(0) + pad).astype(int), [width, height])
    return int(x0), int(y0), int(x1), int(y1)


def extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle that holds all of a mask [h, w], which must not be empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
