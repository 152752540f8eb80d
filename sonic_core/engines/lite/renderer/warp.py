"""From a pose to the map that says which source pixel each output pixel shows: fields summed, head turned, inverted."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, tanh

import cv2
import numpy as np
from numpy.typing import NDArray

from ..parameters import Pose, neutral
from .fields import FieldLayer, Fields, coefficients
from .geometry import counted_from, remap
from .grid import Grid
from .head import HeadFrame
from .inversion import source_places

PROBE = 5.0  # degrees at which folds are looked for
FOLD_MARGIN = 0.7  # share of the angle at which the map would fold, as it falls from the probe
LIMITS = 2.0, 15.0  # degrees that every head may turn, and that none may: the picture has no other side
KNEE = 0.7  # share of a limit from which an angle saturates
ANGLES = ("yaw", "pitch", "roll")
_STILL = np.eye(2, 3)


@dataclass(frozen=True)
class HeadLimits:
    """Largest head angles in degrees that this crop takes without folding."""

    yaw: float
    pitch: float
    roll: float

    def soften(self, pose: Pose) -> Pose:
        """The pose with its head angles linear up to KNEE of the limit and saturating beyond."""
        return pose._replace(**{name: _saturate(getattr(pose, name), getattr(self, name)) for name in ANGLES})


def _saturate(value: float, limit: float) -> float:
    size, knee = abs(value), KNEE * limit
    if size <= knee:
        return value
    rest = limit - knee
    return copysign(knee + rest * tanh((size - knee) / rest), value)


@dataclass(frozen=True)
class Warp:
    """One frame's motion on the grid, in nodes.  upper/lower: of the two layers.

    upper_forward, lower_forward: displacement of source positions, each on its layer's rectangle.
    upper, lower: [rows, columns, 2] source position that each node of the whole grid shows; lower is as upper outside its layer.
    shown: the same with the layer that is seen at each node.
    """

    upper_forward: NDArray[np.float32]
    lower_forward: NDArray[np.float32]
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    shown: NDArray[np.float32]


def warp_for(pose: Pose, weights: NDArray[np.float32], fields: Fields, head: HeadFrame, grid: Grid) -> Warp:
    """pose: with softened head angles.  weights: field coefficients."""
    motion = head_motion(pose, head, grid)
    (upper_forward, upper), (lower_forward, lower_part) = (
        (shift, source_places(shift, layer.nodes))
        for layer in (fields.upper, fields.lower)
        for shift in [displacement(layer, motion, weights, grid)]
    )
    # Both layers agree along the continued lip line, so the choice can be made per node.
    below = cv2.compare(remap(fields.lip_side, lower_part), 0, cv2.CMP_LT)
    region, (column, row) = fields.lower.region, fields.lower.origin
    lower_part = counted_from((-column, -row), lower_part)
    lower, shown = upper.copy(), upper.copy()
    lower[region] = lower_part
    cv2.copyTo(lower_part, below, shown[region])
    return Warp(upper_forward, lower_forward, upper, lower, shown)


def head_motion(pose: Pose, head: HeadFrame, grid: Grid) -> NDArray[np.float32]:
    """[2, 4] nodes in x and y by which a point moves, per px (x, y, z) from the head's pivot and by itself."""
    motion = np.empty((2, 4), np.float32)
    motion[:, :3] = head.rotation(pose.yaw, pose.pitch, pose.roll)[:2] - _STILL
    motion[:, 3] = pose.tx * head.iod, pose.ty * head.iod
    return motion * grid.per_px[:, None]


def displacement(
    layer: FieldLayer, motion: NDArray[np.float32], weights: NDArray[np.float32], grid: Grid
) -> NDArray[np.float32]:
    """Forward displacement [rows, columns, 2] of a layer's nodes, in nodes.  motion: of the head, from `head_motion`."""
    # Below the size at which a BLAS shares products out: its threads would wait for each other where frames are drawn side by side.
    whole = (motion @ layer.lever).reshape(2, *layer.shape)
    reach = layer.reach(weights)
    if reach is not None:
        rows, columns = reach
        shape = np.zeros((3, rows.stop - rows.start, columns.stop - columns.start), np.float32)
        for weight, patch in layer.moved_by(weights):
            shape[:, _within(patch.rows, rows), _within(patch.columns, columns)] += weight * patch.values
        moved = (motion[:, :3] @ shape.reshape(3, -1)).reshape(2, *shape.shape[1:])
        moved *= layer.weight[rows, columns]
        moved += shape[:2] * grid.per_px[:, None, None]
        whole[:, rows, columns] += moved
    return cv2.merge([whole[0], whole[1]])


def _within(part: slice, whole: slice) -> slice:
    """A stretch counted from the start of another one that holds it."""
    return slice(part.start - whole.start, part.stop - whole.start)


def head_limits(fields: Fields, head: HeadFrame, grid: Grid) -> HeadLimits:
    """The taper at the picture's edge is what folds first: measure how fast the map's determinant falls per axis."""
    still = Pose(*(float(v) for v in neutral()))
    weights = coefficients(still, moves_gaze=False)
    limits = {}
    for name in ANGLES:
        least = min(
            fold_measure(
                displacement(fields.upper, head_motion(still._replace(**{name: angle}), head, grid), weights, grid)
            )
            for angle in (-PROBE, PROBE)
        )
        limits[name] = float(np.clip(PROBE * FOLD_MARGIN / max(1 - least, 0.05), *LIMITS))
    return HeadLimits(**limits)


def fold_measure(shift: NDArray[np.float32]) -> float:
    """Least determinant of the forward map's Jacobian; a fold has one below 0.  shift: [rows, columns, 2], in nodes."""
    dx, dy = np.gradient(shift, axis=1), np.gradient(shift, axis=0)
    return float(((1 + dx[..., 0]) * (1 + dy[..., 1]) - dx[..., 1] * dy[..., 0]).min())
