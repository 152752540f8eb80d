"""Displacement fields of brows and gaze, and the weights that say how far a node follows the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .eyes import EyeShape
from .grid import Grid
from .head import HeadFrame

# All by eye, in IOD unless another unit is said.
FACE_MARGIN, FACE_EASE = 0.22, 0.34  # outside the face's oval: where its skin ends, and from there to full

BROW_LIFT, LID_DRAG = 0.075, 0.018
FROWN_DOWN, FROWN_IN = 0.13, 0.10  # at brow = -1, of which half is reached: the corrugator pulls the inner ends
STILL_LID = 0.03  # above the upper lid nothing moves with the brow
# above the eye's corners a brow lies at least; least height of the skin between lid and brow
LOWEST_BROW, LEAST_LID = 0.2, 0.16
FOREHEAD = 0.85  # above the brow over which its lift fades
BROW_HALF_WIDTH = 0.58
FROWN_BEGIN, FROWN_EASE = 0.10, 0.35  # beyond the eye's middle, outwards, a frown begins; from there to full, inwards

GAZE_X, GAZE_Y = 0.045, 0.025
GAZE_EASE = 0.55  # half widths of the eye from its corner to full shift
# eye heights, upper and lower lid: where the shift begins outside, and from there to full
LID_OVER, LID_EASE = (0.15, 0.10), (0.45, 0.40)

EDGE_EASE, EDGE_EASE_PICTURE = 0.30, 0.05  # of the taper at the picture's edge: IOD, and share of its longer side

# How far a node follows the head.
HEAD_MIDDLE = 0.2  # above the eyes
HEAD_HALF_WIDTH, HEAD_HEIGHT = 1.5, 2.1  # from that middle
BELOW_CHIN = 0.35  # added to the chin's height: from that middle to where the skull ends below
NECK_BEGIN, NECK = 0.05, 1.5  # above the chin, and length over which the neck bends


def within_face(inside: NDArray) -> NDArray:
    """1 inside the face, easing to 0 at FACE_MARGIN outside its oval.  inside: signed distance in IOD, + inside."""
    return smoothstep((inside + FACE_MARGIN) / FACE_EASE)


def brow_fields(
    x: NDArray, y: NDArray, inside: NDArray, eyes: Sequence[EyeShape], head: HeadFrame
) -> dict[str, NDArray]:
    """Brow lift, the inner brow's pull down and in of a frown, and the drag of a closing lid on the brow, per side: [..., 3] px."""
    fields, iod = {}, head.iod
    for eye, side in zip(eyes, ("r", "l"), strict=True):
        a, b = eye.frame.to_local(x, y)
        lid = eye.upper.min() - STILL_LID * iod
        brow = min(eye.brow, -LOWEST_BROW * iod, lid - LEAST_LID * iod)
        below = smoothstep((lid - b) / max(lid - brow, LEAST_LID * iod))
        above = 1 - smoothstep((brow - b) / (FOREHEAD * iod))
        beside = np.exp(-((np.abs(a) / (BROW_HALF_WIDTH * iod)) ** 4))
        weight = np.where(b > brow, below, above) * beside * within_face(inside)
        fields[f"brow_{side}"] = -BROW_LIFT * iod * weight[..., None] * head.down
        inner = weight * smoothstep((FROWN_BEGIN * iod - eye.outward * a) / (FROWN_EASE * iod))
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
            smoothstep((1 - across) / GAZE_EASE)
            * smoothstep((b - upper + LID_OVER[0] * h) / (LID_EASE[0] * h))
            * smoothstep((lower - b + LID_OVER[1] * h) / (LID_EASE[1] * h))
        )
    return {
        "gaze_x": GAZE_X * head.iod * weight[..., None] * head.right,
        "gaze_y": GAZE_Y * head.iod * weight[..., None] * head.down,
    }


def edge_taper(grid: Grid, iod: float) -> NDArray[np.float64]:
    """[rows, columns] 1 inside, easing to 0 at the picture's edges, which must not move."""
    x, y = grid.x + 0.5, grid.y + 0.5
    nearest = np.minimum(np.minimum(x, grid.width - x), np.minimum(y, grid.height - y))
    return smoothstep(nearest / (EDGE_EASE * iod + EDGE_EASE_PICTURE * max(grid.width, grid.height)))


def head_weight(position: NDArray, chin: float) -> NDArray[np.float64]:
    """1 on the skull with its hair, 0 on shoulders and background, a bending neck between.

    position: [..., 3] in head axes from between the eyes, IOD.  chin: height of the chin there.
    """
    x, y = position[..., 0], position[..., 1]
    from_middle = y + HEAD_MIDDLE
    above, below = from_middle / HEAD_HEIGHT, from_middle / (chin + BELOW_CHIN)
    radius = np.hypot(x / HEAD_HALF_WIDTH, np.where(y < -HEAD_MIDDLE, above, below))
    return (1 - smoothstep(radius - 1)) * (1 - smoothstep((y - chin + NECK_BEGIN) / NECK))
