"""Finds eyes drawn far larger than the face mesh believes: a star-shaped region of pixels that are not skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path
from .geometry import sample_linear, smooth_curve
from .local_frame import LocalFrame

RAYS = 72
# Perceived distance from skin above which a pixel belongs to the eye, and the cap on how much one pixel can say.
SKIN_DISTANCE, MAX_DISTANCE = 13.0, 30.0


@dataclass(frozen=True)
class CartoonEye:
    """outline: [RAYS, 2] in eye coordinates, lashes included.  a: [N]; top, bottom: [N] b of its edges.  lash: px."""

    outline: NDArray[np.float64]
    a: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    lash: float


def find_cartoon_eye(
    lab: NDArray[np.float32],
    frame: LocalFrame,
    upper_mesh: NDArray,
    lower_mesh: NDArray,
    mesh_height: float,
    mesh_width: float,
    iod: float,
    skin_lab: NDArray,
    samples: int,
) -> CartoonEye | None:
    """The segmented eye if it is clearly larger than the mesh's and shows white outside it; None for human proportions.

    upper_mesh, lower_mesh: [9, 2] lid points in eye coordinates.  skin_lab: Lab of the face's skin.
    """
    radii = np.arange(0.06, 0.62, 0.008) * iod
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    center = (upper_mesh.mean(0) + lower_mesh.mean(0)) / 2
    a = center[0] + radii[None, :] * np.cos(angles)[:, None]
    b = center[1] + radii[None, :] * np.sin(angles)[:, None]
    polar = sample_linear(lab, *frame.to_image(a, b))

    distance = _distance_from_skin(polar, angles, skin_lab)
    gain = np.cumsum(np.clip(distance, 0, MAX_DISTANCE) - SKIN_DISTANCE, axis=1) * 0.064
    around = np.concatenate([-gain.T] * 3, axis=1)
    path = cheapest_path(around, jump=2, penalty=0.8)[RAYS : 2 * RAYS]

    outline = np.stack([center[0] + radii[path] * np.cos(angles), center[1] + radii[path] * np.sin(angles)], 1)
    height = float(np.ptp(outline[:, 1]))
    mean_distance = np.mean([distance[i, : k + 1].mean() for i, k in enumerate(path)])
    inside = np.arange(len(radii))[None, :] <= path[:, None]
    outside_mesh = (
        (b < np.interp(a, *upper_mesh.T) - 0.03 * iod)
        | (b > np.interp(a, *lower_mesh.T) + 0.03 * iod)
        | (np.abs(a) > 0.55 * mesh_width)
    )
    white = (polar[..., 0] > 0.85 * skin_lab[0]) & (
        np.hypot(polar[..., 1], polar[..., 2]) < 0.65 * np.hypot(*skin_lab[1:])
    )
    area = np.broadcast_to(radii, polar.shape[:2])
    white_share = area[white & inside & outside_mesh].sum() / max(area[inside].sum(), 1)
    runaway = (path >= len(radii) - 3).sum()
    # White outside the mesh eye tells a big eye from brows and eye shadow.
    if white_share <= 0.06 or height <= max(1.45 * mesh_height, 0.36 * iod) or mean_distance <= 20 or runaway >= 4:
        return None

    left, right = outline[:, 0].min(), outline[:, 0].max()
    columns = np.linspace(left + 0.04 * (right - left), right - 0.04 * (right - left), samples)
    top, bottom = _vertical_extent(outline, columns, iod)
    return CartoonEye(outline, columns, top, bottom, _lash_thickness(lab, frame, columns, top, bottom, skin_lab))


def _distance_from_skin(polar: NDArray, angles: NDArray, skin_lab: NDArray) -> NDArray:
    """Perceived distance [RAYS, radii] to the nearest of: the face's skin, and the skin below and beside the eye."""
    sectors = ((0.8, 2.3), (0.3, 1.2), (1.9, 2.8))
    local = [np.median(polar[(angles > lo) & (angles < hi)][:, -12:].reshape(-1, 3), 0) for lo, hi in sectors]
    return np.min([np.sqrt((((polar - ref) * [0.45, 1, 1]) ** 2).sum(2)) for ref in [skin_lab, *local]], 0)


def _vertical_extent(outline: NDArray, columns: NDArray, iod: float) -> tuple[NDArray, NDArray]:
    """b of the outline's upper and lower edge at each column."""
    size = int(3 * iod) + 4
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline + size / 2).astype(np.int32)], 1)
    inside = mask[:, np.clip(np.rint(columns + size / 2).astype(int), 0, size - 1)]
    top = np.argmax(inside, axis=0) - size / 2
    bottom = size - 1 - np.argmax(inside[::-1], axis=0) - size / 2
    return smooth_curve(top, 4), smooth_curve(bottom, 4)


def _lash_thickness(
    lab: NDArray, frame: LocalFrame, columns: NDArray, top: NDArray, bottom: NDArray, skin_lab: NDArray
) -> float:
    """Median thickness of the dark upper outline, px."""
    shares = np.arange(0, 0.5, 0.02)
    b = top + shares[:, None] * (bottom - top)
    bright = sample_linear(lab, *frame.to_image(columns[None, :], b))[..., 0] > 0.62 * skin_lab[0]
    height = float(np.max(bottom) - np.min(top))
    runs = np.where(bright.any(0), shares[np.argmax(bright, axis=0)] * (bottom - top), np.inf)
    runs = runs[runs < 0.3 * height]
    thickness = float(np.median(runs)) if len(runs) > 8 else 0.05 * height
    return float(np.clip(thickness, 0.02 * height, 0.22 * height))
