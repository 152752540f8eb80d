"""Shading that moves with the face: folds deepen and the chin falls into shadow as the mouth changes shape.

A warp alone keeps the light of the photograph; these low-frequency changes are what makes skin look as if it had moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from ..parameters import Pose
from . import landmarks as lm
from .fields import Fields
from .geometry import counted_from, remap
from .grid import Grid
from .head import HeadFrame
from .mouth_shape import MouthShape
from .relaxed_skin import distance_to_line
from .warp import Warp

VISIBLE = 0.004  # relative change of brightness below which nothing is drawn
GAINS = ("chin", "sulcus", "nasolabial", "cheek")
OVAL_EASE = 0.12  # IOD across the face's edge

# All by eye.
# Relative brightness where a shadow is deepest, per unit of its weight.
DEPTHS = {"chin": -0.15, "sulcus": -0.13, "nasolabial": -0.055, "cheek": -0.07}
# Weight of each shadow per unit of what the face does: `dropped` and `opened` are the jaw's share of chin and of lips.
WEIGHTS = {
    "chin": {"dropped": 1.0},
    "sulcus": {"press": 0.7, "pucker": 0.6, "fv": 0.5, "opened": -0.3},
    "nasolabial": {"smile": 0.9, "stretch": 0.6, "upraise": 0.4, "pucker": -0.5},
    "cheek": {"dropped": 1.0, "pucker": 0.5, "smile": -0.6},
}
CLOSED_TAKES = 0.6  # share of a dropped jaw's shadow that closed lips take away

# Where they lie, IOD: bells that fall to 1/e at their width.
CHIN_HEIGHT, CHIN_HALF_WIDTH = 0.20, 0.50
CHIN_ABOVE, CHIN_BELOW = 0.04, 0.3  # full from so far above the chin to so far below it
SULCUS_SHARE, SULCUS_HEIGHT, SULCUS_HALF_WIDTH = 0.30, 0.11, 0.30  # share of the way from the lip to the chin
FOLD_WIDTH = 0.10
CHEEK_ASIDE, CHEEK_HALF_WIDTH, CHEEK_UP, CHEEK_HEIGHT = 0.66, 0.22, 0.05, 0.38  # from the middle of the mouth


@dataclass(frozen=True)
class Relight:
    """gains: [len(GAINS), rows, columns] relative brightness per unit on the lower rectangle of the grid."""

    gains: NDArray[np.float32]

    @classmethod
    def prepare(
        cls, points: NDArray[np.floating], head: HeadFrame, mouth: MouthShape, fields: Fields, grid: Grid
    ) -> Relight:
        region = fields.lower.region
        x, y = grid.x[region], grid.y[region]
        inside = smoothstep(fields.inside_face[region] / OVAL_EASE + 0.5)
        gains = _gains(x, y, np.asarray(points, np.float64), head, mouth) * inside
        return cls(gains.astype(np.float32))

    def draw(
        self,
        frame: NDArray[np.uint8],
        pose: Pose,
        warp: Warp,
        fields: Fields,
        grid: Grid,
    ) -> None:
        """Change the light of `frame` (RGB, warped, mouth drawn) in place."""
        done = pose._asdict() | {
            "dropped": pose.jaw * (1 - CLOSED_TAKES * pose.close),
            "opened": pose.jaw * (1 - pose.close),
        }
        weights = [sum(share * done[what] for what, share in WEIGHTS[name].items()) for name in GAINS]
        self._shade(frame, np.array(weights, np.float32), warp, fields, grid)

    def _shade(
        self, frame: NDArray[np.uint8], weights: NDArray[np.float32], warp: Warp, fields: Fields, grid: Grid
    ) -> None:
        if not weights.any():
            return
        layer = fields.lower
        gain = (weights @ self.gains.reshape(len(weights), -1)).reshape(layer.shape)
        gain = remap(gain, counted_from(layer.origin, warp.shown[layer.region]))
        left, top, columns, rows = cv2.boundingRect(cv2.compare(cv2.absdiff(gain, 0), VISIBLE, cv2.CMP_GT))
        if not rows:
            return
        left, top = left + layer.origin[0], top + layer.origin[1]
        x0 = int(max((left - 1) * grid.step_x, 0))
        y0 = int(max((top - 1) * grid.step_y, 0))
        x1 = int(min((left + columns + 1) * grid.step_x, grid.width))
        y1 = int(min((top + rows + 1) * grid.step_y, grid.height))
        fine = grid.upsample(gain, (x0, y0, x1, y1), layer.origin)
        area = frame[y0:y1, x0:x1]
        cv2.multiply(area, cv2.merge([fine + 1] * 3), dst=area, dtype=cv2.CV_8U)


def _gains(x: NDArray, y: NDArray, p: NDArray, head: HeadFrame, mouth: MouthShape) -> NDArray[np.float64]:
    iod = head.iod
    a, b = mouth.frame.to_local(x, y)
    a, b = a / iod, b / iod
    chin, lip = mouth.chin / iod, float(mouth.at(mouth.outer_lower, 0.0)) / iod
    fold = np.minimum(*(distance_to_line(x, y, p[list(side), :2]) for side in lm.NASOLABIAL)) / iod
    bell = lambda value, width: np.exp(-((value / width) ** 2))  # noqa: E731
    above_chin, sulcus = np.clip(chin - CHIN_ABOVE - b, 0, None), lip + SULCUS_SHARE * (chin - lip)
    shapes = {
        "chin": bell(above_chin, CHIN_HEIGHT) * bell(a, CHIN_HALF_WIDTH) * (b < chin + CHIN_BELOW),
        "sulcus": bell(b - sulcus, SULCUS_HEIGHT) * bell(a, SULCUS_HALF_WIDTH),
        "nasolabial": bell(fold, FOLD_WIDTH),
        "cheek": bell(np.abs(a) - CHEEK_ASIDE, CHEEK_HALF_WIDTH) * bell(b + CHEEK_UP, CHEEK_HEIGHT),
    }
    return np.stack([DEPTHS[name] * shapes[name] for name in GAINS])
