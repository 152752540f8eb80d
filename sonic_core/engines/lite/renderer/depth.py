"""Depth of every grid node: the face mesh inside the face, easing to the plane of the ears outside it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from . import landmarks as lm
from .geometry import thin_plate_spline
from .grid import Grid
from .head import HeadFrame

# By eye: heads turned to either side must neither fold nor wave at the hair.
SMOOTHING = 2e-3  # of the spline, in IOD units
RINGS = (1.25, 1.55, 2.0, 2.8)  # multiples of the face oval where depth is pinned towards the ear plane
RING_EASE = 0.9  # multiples of the oval from its edge to full ear depth
EVERY = 2  # the spline is evaluated at every second node
JITTER = 1e-4  # IOD; coincident points would make the system singular
BEHIND_EARS = 0.15  # IOD: the plane that the rings are pinned to
IN_FRONT, BEHIND = 0.1, 0.2  # IOD by which the spline may overshoot its nearest and farthest point
# IOD behind the ears that nothing lies deeper than, and width of the soft minimum there
EAR_MARGIN, SOFT_MINIMUM = 0.05, 0.12
STEEPEST = 0.4  # cosine between head and picture plane; a head turned further is taken for this one
# IOD inside the oval: where the mesh's depth begins, its ease-in, the blur outside
SILHOUETTE, CALM_WIDTH, CALM_BLUR = 0.02, 0.30, 0.16


def depth_map(points: NDArray[np.floating], head: HeadFrame, grid: Grid) -> NDArray[np.float32]:
    """[rows, columns] z in px, larger = farther, never behind the ear plane, smooth outside the face."""
    p, iod = np.asarray(points, np.float64), head.iod
    oval = p[list(lm.FACE_OVAL)]
    center = oval.mean(0)
    ear_plane = (head.eye_center + (head.ear_depth + BEHIND_EARS * iod) * head.back)[2]
    ring = np.concatenate(
        [
            np.c_[
                center[:2] + k * (oval[::2, :2] - center[:2]),
                oval[::2, 2] + (ear_plane - oval[::2, 2]) * smoothstep((k - 1) / RING_EASE),
            ]
            for k in RINGS
        ]
    )
    source = np.concatenate([p[::2], oval, ring])
    jitter = np.random.RandomState(0).randn(len(source), 2) * JITTER
    x, y = grid.x[::EVERY, ::EVERY], grid.y[::EVERY, ::EVERY]
    query = (np.stack([x.ravel(), y.ravel()], 1) - center[:2]) / iod
    z = thin_plate_spline((source[:, :2] - center[:2]) / iod + jitter, source[:, 2], query, SMOOTHING)
    nearest, farthest = source[:, 2].min() - IN_FRONT * iod, ring[:, 2].max() + BEHIND * iod
    z = np.clip(z, nearest, farthest).reshape(x.shape).astype(np.float32)
    z = cv2.resize(z, (grid.columns, grid.rows), interpolation=cv2.INTER_LINEAR)
    return _calm_outside(_in_front_of_ears(z, head, grid), oval[:, :2], head, grid)


def _in_front_of_ears(z: NDArray, head: HeadFrame, grid: Grid) -> NDArray:
    """Soft minimum of the depth and the ear plane."""
    origin = head.eye_center + (head.ear_depth + EAR_MARGIN * head.iod) * head.back
    slope = head.back[:2] / max(head.back[2], STEEPEST)
    plane = origin[2] - (grid.x - origin[0]) * slope[0] - (grid.y - origin[1]) * slope[1]
    k = SOFT_MINIMUM * head.iod
    d = plane - z
    blend = np.where(d > 2 * k, d, np.where(d < -2 * k, 0, (d + 2 * k) ** 2 / (8 * k)))
    return plane - blend


def _calm_outside(z: NDArray, oval: NDArray, head: HeadFrame, grid: Grid) -> NDArray[np.float32]:
    """Blur outside and near the face oval: the mesh's silhouette depth is noise and would make the hair edge wave."""
    inside = cv2.distanceTransform(grid.fill_polygon(oval), cv2.DIST_L2, 5) * grid.step_x / head.iod
    weight = smoothstep((inside - SILHOUETTE) / CALM_WIDTH)
    blurred = cv2.GaussianBlur(z.astype(np.float32), (0, 0), CALM_BLUR * head.iod / grid.step_x)
    return (z * weight + blurred * (1 - weight)).astype(np.float32)
