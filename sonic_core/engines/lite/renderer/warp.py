"""From a pose to the map that says which source pixel each output pixel shows: fields summed, head turned, inverted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..parameters import Pose, neutral
from .fields import FieldLayer, Fields, coefficients
from .geometry import remap
from .grid import Grid
from .head import HeadFrame

INVERSE_STEPS = 7
DAMPING = 0.72  # converges for -1 < f' < 1.8; undamped iteration diverges on the brow
PROBE = 5.0  # degrees at which folds are looked for
FOLD_MARGIN = 0.7  # share of the angle at which the map would fold, as it falls from the probe
LIMITS = 2.0, 15.0  # degrees that every head may turn, and that none may: the picture has no other side
KNEE = 0.7  # share of a limit from which an angle saturates
ANGLES = ("yaw", "pitch", "roll")


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
    return float(np.sign(value) * (knee + rest * np.tanh((size - knee) / rest)))


@dataclass(frozen=True)
class Warp:
    """One frame's motion on the grid, px.  upper/lower: of the two layers.

    upper_forward, lower_forward: displacement of source positions.  upper_back, lower_back: source minus output position.
    back: [rows, columns, 2] of the whole grid, with the layer that each node shows.
    """

    upper_forward: NDArray[np.float32]
    lower_forward: NDArray[np.float32]
    upper_back: NDArray[np.float32]
    lower_back: NDArray[np.float32]
    back: NDArray[np.float32]


def warp_for(pose: Pose, weights: NDArray[np.float32], fields: Fields, head: HeadFrame, grid: Grid) -> Warp:
    """pose: with softened head angles.  weights: field coefficients."""
    forward = [displacement(layer, pose, weights, head) for layer in (fields.upper, fields.lower)]
    back = [
        _inverse(shift, layer.nodes, grid) for shift, layer in zip(forward, (fields.upper, fields.lower), strict=True)
    ]
    # Both layers agree along the continued lip line, so the choice can be made per node.
    side = remap(fields.lip_side, fields.lower.nodes + back[1] * grid.per_px)
    chosen = back[0].copy()
    region = fields.lower.region
    np.copyto(chosen[region], back[1], where=(side < 0)[..., None])
    return Warp(forward[0], forward[1], back[0], back[1], chosen)


def displacement(layer: FieldLayer, pose: Pose, weights: NDArray[np.float32], head: HeadFrame) -> NDArray[np.float32]:
    """Forward displacement [rows, columns, 2] of a layer's nodes, px."""
    # Not `@`: the threads of BLAS wait for each other, and cost more than the product, where frames are drawn side by side.
    rows, columns = layer.changing
    shape = np.einsum("k,kn->n", weights, layer.basis).reshape(3, rows.stop - rows.start, columns.stop - columns.start)
    moved = shape[:2] * layer.taper[rows, columns]
    turn = (head.rotation(pose.yaw, pose.pitch, pose.roll) - np.eye(3))[:2].astype(np.float32)
    shift = np.array([pose.tx, pose.ty], np.float32) * np.float32(head.iod)
    if turn.any() or shift.any():
        whole = np.einsum("ij,jn->in", np.c_[turn, shift], layer.lever).reshape(2, *layer.shape)
        moved += layer.weight[rows, columns] * np.einsum("ij,jrc->irc", turn, shape)
    else:
        whole = np.zeros((2, *layer.shape), np.float32)
    whole[:, rows, columns] += moved
    return cv2.merge([whole[0], whole[1]])


def _inverse(shift: NDArray[np.float32], nodes: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Source minus output position of every node: damped fixed point of s = y - shift(s)."""
    if not shift.any():
        return np.zeros_like(shift)
    opposite = -shift * grid.per_px  # in nodes, as the positions that are looked up
    back, places = opposite, np.empty_like(shift)
    for step in range(INVERSE_STEPS):
        cv2.add(nodes, back, dst=places)
        update = remap(opposite, places)
        back = update if step == 0 else cv2.addWeighted(update, DAMPING, back, 1 - DAMPING, 0, dst=back)
    return back / grid.per_px


def head_limits(fields: Fields, head: HeadFrame, grid: Grid) -> HeadLimits:
    """The taper at the picture's edge is what folds first: measure how fast the map's determinant falls per axis."""
    still = Pose(*(float(v) for v in neutral()))
    weights = coefficients(still, moves_gaze=False)
    limits = {}
    for name in ANGLES:
        least = min(
            fold_measure(displacement(fields.upper, still._replace(**{name: angle}), weights, head), grid)
            for angle in (-PROBE, PROBE)
        )
        limits[name] = float(np.clip(PROBE * FOLD_MARGIN / max(1 - least, 0.05), *LIMITS))
    return HeadLimits(**limits)


def fold_measure(shift: NDArray[np.float32], grid: Grid) -> float:
    """Least determinant of the forward map's Jacobian; a fold has one below 0."""
    dx, dy = np.gradient(shift, axis=1) / grid.step_x, np.gradient(shift, axis=0) / grid.step_y
    return float(((1 + dx[..., 0]) * (1 + dy[..., 1]) - dx[..., 1] * dy[..., 0]).min())
