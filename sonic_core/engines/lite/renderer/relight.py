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
from .geometry import remap
from .grid import Grid
from .head import HeadFrame
from .mouth_shape import MouthShape
from .relaxed_skin import distance_to_line
from .warp import Warp

VISIBLE = 0.004  # relative change of brightness below which nothing is drawn
GAINS = ("chin", "sulcus", "nasolabial", "cheek")


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
        inside = smoothstep(fields.inside_face[region] / 0.12 + 0.5)
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
        p = pose
        weights = {
            "chin": p.jaw * (1 - 0.6 * p.close),
            "sulcus": 0.7 * p.press + 0.6 * p.pucker + 0.5 * p.fv - 0.3 * p.jaw * (1 - p.close),
            "nasolabial": 0.9 * p.smile + 0.6 * p.stretch + 0.4 * p.upraise - 0.5 * p.pucker,
            "cheek": p.jaw * (1 - 0.6 * p.close) + 0.5 * p.pucker - 0.6 * p.smile,
        }
        self._shade(frame, np.array([weights[name] for name in GAINS], np.float32), warp, fields, grid)

    def _shade(
        self, frame: NDArray[np.uint8], weights: NDArray[np.float32], warp: Warp, fields: Fields, grid: Grid
    ) -> None:
        if not weights.any():
            return
        layer = fields.lower
        gain = np.einsum("k,krc->rc", weights, self.gains)
        gain = remap(gain, layer.nodes + warp.back[layer.region] * grid.per_px)
        seen = np.abs(gain) > VISIBLE
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if not len(rows):
            return
        left, top = layer.origin
        x0 = int(max((columns[0] + left - 1) * grid.step_x, 0))
        y0 = int(max((rows[0] + top - 1) * grid.step_y, 0))
        x1 = int(min((columns[-1] + left + 2) * grid.step_x, grid.width))
        y1 = int(min((rows[-1] + top + 2) * grid.step_y, grid.height))
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
    return np.stack(
        [
            -0.15 * bell(np.clip(chin - 0.04 - b, 0, None), 0.20) * bell(a, 0.50) * (b < chin + 0.3),
            -0.13 * bell(b - (lip + 0.30 * (chin - lip)), 0.11) * bell(a, 0.30),
            -0.055 * bell(fold, 0.10),
            -0.07 * bell(np.abs(a) - 0.66, 0.22) * bell(b + 0.05, 0.38),
        ]
    )
