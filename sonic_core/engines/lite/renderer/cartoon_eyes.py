"""Finds eyes drawn far larger than the face mesh believes: a star-shaped region of pixels that are not skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path
from .geometry import sample_linear, smooth_curve
from .local_frame import LocalFrame

# All by eye.  The search: rays from the middle of the mesh's eye.
RAYS = 72
RADII = np.arange(0.06, 0.62, 0.008)  # IOD
SKIN_DISTANCE = 13.0  # perceived distance from skin (Lab) above which a pixel belongs to the eye
MAX_DISTANCE = 30.0  # cap on how much one pixel can say
GAIN = 0.064  # of a unit of that distance against the outline's smoothness
JUMP, JUMP_COST = 2, 0.8  # radii that the outline may change from ray to ray, and what a radius costs
LIGHTNESS_SHARE = 0.45  # of L in the perceived distance: shade on skin is skin
LOCAL_SKIN = ((0.8, 2.3), (0.3, 1.2), (1.9, 2.8))  # rad, b downwards: sectors below and beside the eye
OUTERMOST = 12  # radii of a sector that show its skin

# What makes it a drawn eye: white outside the mesh's eye (a big eye, not brows or eye shadow), size and contrast.
MESH_MARGIN, MESH_HALF_WIDTH = 0.03, 0.55  # IOD above and below the mesh's lids; widths of its eye
WHITE_LIGHTNESS, WHITE_CHROMA = 0.85, 0.65  # of the skin's: from how light, up to how coloured
LEAST_WHITE = 0.06  # share of the outline's area
LEAST_HEIGHT, LEAST_HEIGHT_IOD = 1.45, 0.36  # of the mesh's eye, and IOD
LEAST_DISTANCE = 20.0  # mean perceived distance inside
# The same for an eye that is drawn as a solid ball and only somewhat too large; people reached 24 there.
SHADED_HEIGHT, SHADED_HEIGHT_IOD, SHADED_DISTANCE = 1.6, 0.26, 26.0
RUNAWAYS = 4  # rays that end at the largest radii: no eye, but all that is not skin

# Measuring it.
CORNER_CUT = 0.04  # share of its width at either end where the edges are too steep to measure
SMOOTHING = 4.0  # columns, sigma
LASH_SHARES = np.arange(0, 0.5, 0.02)  # of the eye's height: where the dark outline may end
LASH_LIGHTNESS = 0.62  # of the skin's L; brighter is eye
LONGEST_LASH = 0.3  # of the height; longer is an iris
USUAL_LASH, LASH_RANGE = 0.05, (0.02, 0.22)  # of the height, where it cannot be seen and clamped to


@dataclass(frozen=True)
class CartoonEye:
    """outline: [RAYS, 2] in eye coordinates, lashes included.  a: [N]; top, bottom: [N] b of its edges.  lash: px.

    shaded: drawn as a solid ball in lit skin, so that it closes as a photographed eye does; otherwise flat.
    """

    outline: NDArray[np.float64]
    a: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    lash: float
    shaded: bool


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
    """The segmented eye if it is clearly larger than the mesh's and shows white or much contrast; None for human proportions.

    upper_mesh, lower_mesh: [9, 2] lid points in eye coordinates.  skin_lab: Lab of the face's skin.
    """
    radii = RADII * iod
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    center = (upper_mesh.mean(0) + lower_mesh.mean(0)) / 2
    a = center[0] + radii[None, :] * np.cos(angles)[:, None]
    b = center[1] + radii[None, :] * np.sin(angles)[:, None]
    polar = sample_linear(lab, *frame.to_image(a, b))

    distance = _distance_from_skin(polar, angles, skin_lab)
    gain = np.cumsum(np.clip(distance, 0, MAX_DISTANCE) - SKIN_DISTANCE, axis=1) * GAIN
    around = np.concatenate([-gain.T] * 3, axis=1)
    path = cheapest_path(around, jump=JUMP, penalty=JUMP_COST)[RAYS : 2 * RAYS]

    outline = np.stack([center[0] + radii[path] * np.cos(angles), center[1] + radii[path] * np.sin(angles)], 1)
    height = float(np.ptp(outline[:, 1]))
    mean_distance = np.mean([distance[i, : k + 1].mean() for i, k in enumerate(path)])
    inside = np.arange(len(radii))[None, :] <= path[:, None]
    outside_mesh = (
        (b < np.interp(a, *upper_mesh.T) - MESH_MARGIN * iod)
        | (b > np.interp(a, *lower_mesh.T) + MESH_MARGIN * iod)
        | (np.abs(a) > MESH_HALF_WIDTH * mesh_width)
    )
    chroma = np.hypot(polar[..., 1], polar[..., 2])
    white = (polar[..., 0] > WHITE_LIGHTNESS * skin_lab[0]) & (chroma < WHITE_CHROMA * np.hypot(*skin_lab[1:]))
    area = np.broadcast_to(radii, polar.shape[:2])
    white_share = area[white & inside & outside_mesh].sum() / max(area[inside].sum(), 1)
    runaway = (path >= len(radii) - 3).sum()
    large = height > max(LEAST_HEIGHT * mesh_height, LEAST_HEIGHT_IOD * iod)
    flat = white_share > LEAST_WHITE and large and mean_distance > LEAST_DISTANCE
    larger = height > max(SHADED_HEIGHT * mesh_height, SHADED_HEIGHT_IOD * iod)
    if runaway >= RUNAWAYS or not (flat or (larger and mean_distance > SHADED_DISTANCE)):
        return None

    left, right = outline[:, 0].min(), outline[:, 0].max()
    columns = np.linspace(left + CORNER_CUT * (right - left), right - CORNER_CUT * (right - left), samples)
    top, bottom = _vertical_extent(outline, columns, iod)
    return CartoonEye(
        outline, columns, top, bottom, _lash_thickness(lab, frame, columns, top, bottom, skin_lab), not flat
    )


def _distance_from_skin(polar: NDArray, angles: NDArray, skin_lab: NDArray) -> NDArray:
    """Perceived distance [RAYS, radii] to the nearest of: the face's skin, and the skin below and beside the eye."""
    rays = [(angles > low) & (angles < high) for low, high in LOCAL_SKIN]
    local = [np.median(polar[sector][:, -OUTERMOST:].reshape(-1, 3), 0) for sector in rays]
    return np.min([np.sqrt((((polar - skin) * [LIGHTNESS_SHARE, 1, 1]) ** 2).sum(2)) for skin in [skin_lab, *local]], 0)


def _vertical_extent(outline: NDArray, columns: NDArray, iod: float) -> tuple[NDArray, NDArray]:
    """b of the outline's upper and lower edge at each column."""
    size = int(3 * iod) + 4
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline + size / 2).astype(np.int32)], 1)
    inside = mask[:, np.clip(np.rint(columns + size / 2).astype(int), 0, size - 1)]
    top = np.argmax(inside, axis=0) - size / 2
    bottom = size - 1 - np.argmax(inside[::-1], axis=0) - size / 2
    return smooth_curve(top, SMOOTHING), smooth_curve(bottom, SMOOTHING)


def _lash_thickness(
    lab: NDArray, frame: LocalFrame, columns: NDArray, top: NDArray, bottom: NDArray, skin_lab: NDArray
) -> float:
    """Median thickness of the dark upper outline, px."""
    b = top + LASH_SHARES[:, None] * (bottom - top)
    bright = sample_linear(lab, *frame.to_image(columns[None, :], b))[..., 0] > LASH_LIGHTNESS * skin_lab[0]
    height = float(np.max(bottom) - np.min(top))
    runs = np.where(bright.any(0), LASH_SHARES[np.argmax(bright, axis=0)] * (bottom - top), np.inf)
    runs = runs[runs < LONGEST_LASH * height]
    thickness = float(np.median(runs)) if len(runs) > 8 else USUAL_LASH * height
    return float(np.clip(thickness, LASH_RANGE[0] * height, LASH_RANGE[1] * height))
