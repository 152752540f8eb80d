"""The dense displacement fields: one 3-D vector field per coefficient, on the grid, for two layers that tear at the lips.

The *upper* layer evaluates every weight no lower than the upper lip edge and the *lower* layer no higher than the lower lip
edge, so each field continues constantly across the tear; beyond the mouth corners both agree on the continued lip line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from ..parameters import Pose
from . import landmarks as lm
from .eyes import EyeShape
from .face_fields import brow_fields, edge_taper, gaze_fields, head_weight
from .geometry import extent, pixel_grid
from .grid import Grid
from .head import HeadFrame
from .mouth_coordinates import MouthLayer
from .mouth_fields import ROUND_FIELDS, mouth_fields
from .mouth_shape import MouthShape

FIELDS = (
    "jaw",
    "close_jaw",
    "close_rest",
    *chain.from_iterable(ROUND_FIELDS),
    "press",
    "pucker",
    "stretch",
    "smile",
    "upraise",
    "lowdep",
    "fv",
    "brow_l",
    "brow_r",
    "frown_l",
    "frown_r",
    "blink_l",
    "blink_r",
    "gaze_x",
    "gaze_y",
)
SMILE_TIGHTENS = 0.2  # of the picture's own opening: a broader smile draws the lower lip against the teeth
FROWN_LOWERS = 0.5  # share of a lowered brow that the outer brow follows; the rest is the frown of its inner end
LABIODENTAL_CLOSES = 0.92  # of the jaw's drop that an f or v takes back: upper teeth on the lower lip
OVAL_BLUR, LEAST_OVAL_BLUR = 0.05, 0.5  # sigma, IOD and nodes, of the distance to the face's oval
# IOD beside the face, below it, above the mouth's corners: what the jaw moves
JAW_REACH, NECK_REACH, ABOVE_MOUTH = 1.15, 1.25, 0.75
MOUTH_FIELDS = FIELDS.index("fv") + 1  # the first so many move the mouth
STILL = 1e-3  # px of motion at full coefficient below which a node counts as out of a field's reach


@dataclass(frozen=True)
class FieldPatch:
    """A field where it moves anything: values [3, rows, columns] px per unit (x, y, z), on rows and columns of its layer."""

    rows: slice
    columns: slice
    values: NDArray[np.float32]

    @classmethod
    def of(cls, field: NDArray[np.float32]) -> FieldPatch | None:
        """field: [rows, columns, 3] of a whole layer.  None where it moves nothing."""
        moved = np.abs(field) > STILL
        used = moved[..., 0] | moved[..., 1] | moved[..., 2]  # six times as fast as `any` over three
        if not used.any():
            return None
        rows, columns = extent(used)
        return cls(rows, columns, np.ascontiguousarray(np.moveaxis(field[rows, columns], -1, 0), np.float32))


@dataclass(frozen=True)
class FieldLayer:
    """One side of the tear on a rectangle of the grid.

    origin: column and row of the rectangle.  shape: rows, columns.
    patches: each of FIELDS, tapered.
    lever: [4, nodes] positions from the head's pivot (px) and 1, both times the share in which a node follows the head.
    weight: [rows, columns] that share, for what the fields move.
    nodes: [rows, columns, 2] the nodes' own (column, row), for remapping.
    """

    patches: tuple[FieldPatch | None, ...]
    origin: tuple[int, int]
    shape: tuple[int, int]
    lever: NDArray[np.float32]
    weight: NDArray[np.float32]
    nodes: NDArray[np.float32]

    @property
    def region(self) -> tuple[slice, slice]:
        (column, row), (rows, columns) = self.origin, self.shape
        return slice(row, row + rows), slice(column, column + columns)

    def moved_by(self, weights: NDArray[np.float32]) -> list[tuple[np.float32, FieldPatch]]:
        """The fields that coefficients [len(FIELDS)] call for, each with its own."""
        pairs = zip(weights, self.patches, strict=True)
        return [(weight, patch) for weight, patch in pairs if weight and patch is not None]

    def reach(self, weights: NDArray[np.float32]) -> tuple[slice, slice] | None:
        """Rows and columns outside which no field moves anything at these coefficients; None = nowhere."""
        patches = [patch for _, patch in self.moved_by(weights)]
        if not patches:
            return None
        return _hull([patch.rows for patch in patches]), _hull([patch.columns for patch in patches])


@dataclass(frozen=True)
class Fields:
    """upper: the whole grid.  lower: the rectangle that the jaw moves.  lip_side: [rows, columns] of the lower rectangle,
    px above (+) or below (-) the continued lip line.  inside_face: [rows, columns] of the grid, IOD inside the face oval (+)."""

    upper: FieldLayer
    lower: FieldLayer
    lip_side: NDArray[np.float32]
    inside_face: NDArray[np.float32]


def coefficients(pose: Pose, moves_gaze: bool, lids_drag: bool = True) -> NDArray[np.float32]:
    """Field coefficients [len(FIELDS)] of a pose.  lids_drag: closing lids draw the brows down a little."""
    p = pose
    rest = max(p.rest, p.close, p.fv, SMILE_TIGHTENS * p.smile)
    frown = max(-p.brow, 0.0)
    brow = p.brow + (1 - FROWN_LOWERS) * frown
    values = {
        "jaw": p.jaw,
        "close_jaw": p.jaw * max(p.close, LABIODENTAL_CLOSES * p.fv),
        "close_rest": rest,
        **_rounding(p, rest),
        "press": p.press,
        "pucker": p.pucker,
        "stretch": p.stretch,
        "smile": p.smile,
        "upraise": p.upraise * (1 - p.close),
        "lowdep": p.lowdep * (1 - p.close),
        "fv": p.fv,
        "brow_l": brow,
        "brow_r": brow,
        "frown_l": frown,
        "frown_r": frown,
        "blink_l": p.blink_l * lids_drag,
        "blink_r": p.blink_r * lids_drag,
        "gaze_x": p.gaze_x * moves_gaze,
        "gaze_y": p.gaze_y * moves_gaze,
    }
    return np.array([values[name] for name in FIELDS], np.float32)


def _rounding(pose: Pose, rest: float) -> dict[str, float]:
    """Coefficients of the two nearest of the rounded shapes."""
    values = {}
    for i, (of_jaw, of_rest) in enumerate(ROUND_FIELDS):
        share = max(1 - abs(len(ROUND_FIELDS) * pose.pucker - 1 - i), 0.0)
        values[of_jaw] = share * pose.jaw * (1 - pose.close)
        values[of_rest] = share * (1 - rest)
    return values


def build_fields(
    points: NDArray[np.floating],
    head: HeadFrame,
    mouth: MouthShape,
    eyes: Sequence[EyeShape],
    grid: Grid,
    depth: NDArray[np.float32],
) -> Fields:
    """Evaluate every field on the grid.  points: [468, 3] landmarks.  depth: [rows, columns] of the nodes."""
    p, iod = np.asarray(points, np.float64), head.iod
    oval = p[list(lm.FACE_OVAL), :2]
    inside = _inside_face(oval, head, grid)
    positions = np.stack([grid.x, grid.y, depth], -1)
    lever = (positions - head.pivot).astype(np.float32)
    taper = edge_taper(grid, iod)
    weight = (head_weight((positions - head.eye_center) @ head.axes / iod, head.chin) * taper).astype(np.float32)

    def layer(region: tuple[slice, slice], which: str) -> FieldLayer:
        x, y, inside_here = grid.x[region], grid.y[region], inside[region]
        coordinates = MouthLayer.at(mouth, x, y, inside_here, which)
        fields = {
            **mouth_fields(coordinates, mouth, head),
            **brow_fields(x, y, inside_here, eyes, head),
            **gaze_fields(x, y, eyes, head),
        }
        rows, columns = x.shape
        tapered = taper[region].astype(np.float32)
        from_pivot = np.append(lever[region].reshape(-1, 3).T, np.ones((1, x.size), np.float32), 0)
        return FieldLayer(
            patches=tuple(FieldPatch.of(fields[name].astype(np.float32) * tapered[..., None]) for name in FIELDS),
            origin=(region[1].start or 0, region[0].start or 0),
            shape=(rows, columns),
            lever=from_pivot * (weight[region] * tapered).reshape(1, -1),
            weight=np.ascontiguousarray(weight[region]),
            nodes=pixel_grid(0, 0, columns, rows),
        )

    lower_region = _lower_region(p, oval, grid, iod)
    a, b = mouth.frame.to_local(grid.x[lower_region], grid.y[lower_region])
    lip_side = mouth.extended(mouth.seam, a) - b
    return Fields(
        upper=layer((slice(0, grid.rows), slice(0, grid.columns)), "upper"),
        lower=layer(lower_region, "lower"),
        lip_side=np.ascontiguousarray(lip_side, np.float32),
        inside_face=inside,
    )


def _hull(stretches: Sequence[slice]) -> slice:
    return slice(min(one.start for one in stretches), max(one.stop for one in stretches))


def _inside_face(oval: NDArray, head: HeadFrame, grid: Grid) -> NDArray[np.float32]:
    """[rows, columns] signed distance to the face oval in IOD, + inside."""
    mask = grid.fill_polygon(oval)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return cv2.GaussianBlur(
        distance * grid.step_x / head.iod, (0, 0), OVAL_BLUR * head.iod / grid.step_x + LEAST_OVAL_BLUR
    )


def _lower_region(p: NDArray, oval: NDArray, grid: Grid, iod: float) -> tuple[slice, slice]:
    """Rectangle of the grid that the jaw moves, neck included; elsewhere the lower layer equals the upper one."""
    low, high = oval.min(0) - JAW_REACH * iod, oval.max(0) + NECK_REACH * iod
    top = min(p[lm.MOUTH_CORNER_RIGHT, 1], p[lm.MOUTH_CORNER_LEFT, 1]) - ABOVE_MOUTH * iod
    first_column = int(np.clip(low[0] / grid.step_x, 0, grid.columns - 4))
    last_column = int(np.clip(np.ceil(high[0] / grid.step_x), first_column + 4, grid.columns))
    first_row = int(np.clip(top / grid.step_y, 0, grid.rows - 4))
    last_row = int(np.clip(np.ceil(high[1] / grid.step_y), first_row + 4, grid.rows))
    return slice(first_row, last_row), slice(first_column, last_column)
