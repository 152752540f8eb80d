"""Shading that moves with the face: folds deepen or smooth out and the chin falls into shadow as the mouth changes shape.

A warp alone keeps the light of the photograph; these low-frequency changes are what makes skin look as if it had moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..parameters import Pose
from . import landmarks as lm
from .fields import Fields
from .geometry import remap, smoothstep
from .grid import Grid
from .head import HeadFrame
from .linear_light import to_lab
from .mouth_shape import MouthShape
from .warp import Warp

VISIBLE = 0.004  # relative change of brightness below which nothing is drawn
MOTION_MARGIN = 0.30  # IOD by which shaded skin may have moved
GAINS = ("chin", "sulcus", "nasolabial", "cheek")


@dataclass(frozen=True)
class Relight:
    """gains: [len(GAINS), rows, columns] relative brightness per unit on the lower rectangle of the grid.

    unfold: float32 [h, w, 3] sRGB difference that takes folds beside the mouth away, over `fold_box` (source px).
    smile: how much of a smile the picture has, 0 to 1.
    """

    gains: NDArray[np.float32]
    unfold: NDArray[np.float32]
    fold_box: tuple[int, int, int, int]
    margin: int
    smile: float

    @classmethod
    def prepare(
        cls,
        image: NDArray[np.uint8],
        points: NDArray[np.floating],
        head: HeadFrame,
        mouth: MouthShape,
        fields: Fields,
        grid: Grid,
    ) -> Relight:
        region = fields.lower.region
        x, y = grid.x[region], grid.y[region]
        inside = smoothstep(fields.inside_face[region] / 0.12 + 0.5)
        gains = _gains(x, y, np.asarray(points, np.float64), head, mouth) * inside
        unfold, box = _unfolded(image, np.asarray(points, np.float64), head, mouth)
        return cls(gains.astype(np.float32), unfold, box, int(MOTION_MARGIN * head.iod), mouth.smile)

    def draw(
        self,
        frame: NDArray[np.uint8],
        pose: Pose,
        warp: Warp,
        positions: NDArray[np.float32],
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
        smooth = p.pucker * (0.35 + 0.65 * self.smile)
        if smooth > VISIBLE:
            self._smooth_folds(frame, np.float32(smooth), positions)

    def _shade(
        self, frame: NDArray[np.uint8], weights: NDArray[np.float32], warp: Warp, fields: Fields, grid: Grid
    ) -> None:
        if not weights.any():
            return
        layer = fields.lower
        gain = np.tensordot(weights, self.gains, 1)
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

    def _smooth_folds(self, frame: NDArray[np.uint8], amount: np.float32, positions: NDArray[np.float32]) -> None:
        x0, y0, x1, y1 = self.fold_box
        height, width = frame.shape[:2]
        left, top = max(x0 - self.margin, 0), max(y0 - self.margin, 0)
        right, bottom = min(x1 + self.margin, width), min(y1 + self.margin, height)
        local = positions[top:bottom, left:right] - np.float32([x0, y0])
        change = cv2.remap(self.unfold, local, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        area = frame[top:bottom, left:right]
        cv2.add(area, amount * change, dst=area, dtype=cv2.CV_8U)


def _gains(x: NDArray, y: NDArray, p: NDArray, head: HeadFrame, mouth: MouthShape) -> NDArray[np.float64]:
    iod = head.iod
    a, b = mouth.frame.to_local(x, y)
    a, b = a / iod, b / iod
    chin, lip = mouth.chin / iod, float(mouth.at(mouth.outer_lower, 0.0)) / iod
    fold = np.minimum(*(_distance_to_line(x, y, p[list(side), :2]) for side in lm.NASOLABIAL)) / iod
    bell = lambda value, width: np.exp(-((value / width) ** 2))  # noqa: E731
    return np.stack(
        [
            -0.15 * bell(np.clip(chin - 0.04 - b, 0, None), 0.20) * bell(a, 0.50) * (b < chin + 0.3),
            -0.13 * bell(b - (lip + 0.30 * (chin - lip)), 0.11) * bell(a, 0.30),
            -0.055 * bell(fold, 0.10),
            -0.07 * bell(np.abs(a) - 0.66, 0.22) * bell(b + 0.05, 0.38),
        ]
    )


def _distance_to_line(x: NDArray, y: NDArray, line: NDArray) -> NDArray[np.float64]:
    """Distance in px of positions from a polyline [N, 2]."""
    best = np.full(np.shape(x), np.inf)
    for start, end in pairwise(line):
        step = end - start
        along = np.clip(((x - start[0]) * step[0] + (y - start[1]) * step[1]) / max(step @ step, 1e-9), 0, 1)
        best = np.minimum(best, np.hypot(x - start[0] - along * step[0], y - start[1] - along * step[1]))
    return best


def _unfolded(
    image: NDArray[np.uint8], p: NDArray, head: HeadFrame, mouth: MouthShape
) -> tuple[NDArray[np.float32], tuple[int, int, int, int]]:
    """sRGB difference that removes fold-sized dark lines beside the mouth and keeps the skin's own texture."""
    iod = head.iod
    lines = [
        np.vstack([p[list(side), :2], p[[corner], :2]]) for side, corner in zip(lm.NASOLABIAL, (61, 291), strict=True)
    ]
    around = np.concatenate(lines)
    x0, y0 = np.maximum((around.min(0) - 0.45 * iod).astype(int), 0)
    x1, y1 = np.minimum((around.max(0) + 0.45 * iod).astype(int), [image.shape[1], image.shape[0]])
    x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
    patch = image[y0:y1, x0:x1]

    a, b = mouth.frame.to_local(x, y)
    upper, lower = mouth.at(mouth.outer_upper, a), mouth.at(mouth.outer_lower, a)
    beyond = np.maximum(np.abs(a) - 0.87 * mouth.half_width, 0)
    off_lips = np.hypot(np.maximum(np.maximum(upper - b, b - lower), 0), beyond) / iod
    skin = smoothstep((off_lips - 0.01) / 0.04)
    lab = to_lab(patch, blur=max(0.01 * iod, 0.4))
    reference = np.median(lab[skin > 0.9], 0) if (skin > 0.9).any() else lab.reshape(-1, 3).mean(0)
    likeness = np.exp(-((((lab - reference) * [0.6, 1, 1]) ** 2).sum(2)) / 30**2)
    weight = (skin * likeness + 1e-4).astype(np.float32)

    fine = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), max(0.012 * iod, 0.5))
    wide = 0.17 * iod
    coarse = (
        cv2.GaussianBlur(fine * weight[..., None], (0, 0), wide) / cv2.GaussianBlur(weight, (0, 0), wide)[..., None]
    )
    band = fine - coarse
    zone = np.exp(-((np.minimum(*(_distance_to_line(x, y, line) for line in lines)) / (0.23 * iod)) ** 2)) * skin
    change = -(0.95 * np.minimum(band, 0) + 0.35 * np.maximum(band, 0)) * zone[..., None]
    change = np.clip(change, -40, 90).astype(np.float32)
    fade = np.minimum.reduce([x - x0, y - y0, x1 - 1 - x, y1 - 1 - y]) / (0.08 * iod)
    return change * smoothstep(fade).astype(np.float32)[..., None], (int(x0), int(y0), int(x1), int(y1))
