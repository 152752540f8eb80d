"""Displacement fields of brows and gaze, and the weights that say how far a node follows the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .eyes import EyeShape
from .grid import Grid
from .head import HeadFrame

BROW_LIFT, LID_DRAG = 0.075, 0.018  # IOD
FROWN_DOWN, FROWN_IN = 0.13, 0.10  # IOD at brow = -1, of which half is reached: the corrugator pulls the inner ends
GAZE_X, GAZE_Y = 0.045, 0.025  # IOD


def within_face(inside: NDArray) -> NDArray:
    """1 inside the face, easing to 0 at 0.22 IOD outside its oval.  inside: signed distance in IOD, + inside."""
    return smoothstep((inside + 0.22) / 0.34)


def brow_fields(
    x: NDArray, y: NDArray, inside: NDArray, eyes: Sequence[EyeShape], head: HeadFrame
) -> dict[str, NDArray]:
    """Brow lift, the inner brow's pull down and in of a frown, and the drag of a closing lid on the brow, per side: [..., 3] px."""
    fields, iod = {}, head.iod
    for eye, side in zip(eyes, ("r", "l"), strict=True):
        a, b = eye.frame.to_local(x, y)
        lid = eye.upper.min() - 0.03 * iod
        brow = min(eye.brow, -0.2 * iod, lid - 0.16 * iod)
        below = smoothstep((lid - b) / max(lid - brow, 0.16 * iod))
        above = 1 - smoothstep((brow - b) / (0.85 * iod))
        weight = np.where(b > brow, below, above) * np.exp(-((np.abs(a) / (0.58 * iod)) ** 4)) * within_face(inside)
        fields[f"brow_{side}"] = -BROW_LIFT * iod * weight[..., None] * head.down
        inner = weight * smoothstep((0.10 * iod - eye.outward * a) / (0.35 * iod))
        fields[f"frown_{side}"] = _frown(inner, eye, head)
        fields[f"blink_{side}"] = LID_DRAG * iod * weight[..., None] * head.down
    return fields


def _frown(weight: NDArray, eye: EyeShape, head: HeadFrame) -> NDArray:
    return head.iod * weight[..., None] * (FROWN_DOWN * head.down - FROWN_IN * eye.outward * head.right)


def gaze_fields(x: NDArray, y: NDArray, eyes: Sequence[EyeShape], head: HeadFrame) -> dict[str, NDArray]:
    """Shift of what lies between the lids, fading out at the lids: arrays [..., 3] px."""
    weight = np.zeros(x.shape)
    for eye in eyes:
        a, b = eye.frame.to_local(x, y)
        upper, lower = eye.lids_at(a)
        across = np.abs(a - eye.a.mean()) / (eye.width / 2)
        h = eye.height
        weight += (
            smoothstep((1 - across) / 0.55)
            * smoothstep((b - upper + 0.15 * h) / (0.45 * h))
            * smoothstep((lower - b + 0.10 * h) / (0.40 * h))
        )
    return {
        "gaze_x": GAZE_X * head.iod * weight[..., None] * head.right,
        "gaze_y": GAZE_Y * head.iod * weight[..., None] * head.down,
    }


def edge_taper(grid: Grid, iod: float) -> NDArray[np.float64]:
    """[rows, columns] 1 inside, easing to 0 at the picture's edges, which must not move."""
    x, y = grid.x + 0.5, grid.y + 0.5
    nearest = np.minimum(np.minimum(x, grid.width - x), np.minimum(y, grid.height - y))
    return smoothstep(nearest / (0.30 * iod + 0.05 * max(grid.width, grid.height)))


def head_weight(position: NDArray, chin: float) -> NDArray[np.float64]:
    """1 on the skull with its hair, 0 on shoulders and background, a bending neck between.

    position: [..., 3] in head axes from between the eyes, IOD.  chin: height of the chin there.
    """
    x, y = position[..., 0], position[..., 1]
    above, below = (y + 0.2) / 2.1, (y + 0.2) / (chin + 0.35)
    radius = np.hypot(x / 1.5, np.where(y < -0.2, above, below))
    return (1 - smoothstep(radius - 1)) * (1 - smoothstep((y - chin + 0.05) / 1.5))
