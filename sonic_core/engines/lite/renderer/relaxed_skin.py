"""The skin round the mouth without the marks of a smile: folds beside the mouth and dark corners, as a change of the picture.

Lips that round take a smile out of a face, and lips that meet close its dark corners; the warp moves the shapes, this takes away the
shadows that would stay behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from ..parameters import Pose
from . import landmarks as lm
from .geometry import counted_from, sample_nearest
from .head import HeadFrame
from .linear_light import to_lab
from .mouth_shape import MouthShape

VISIBLE = 0.004  # share of the change below which nothing is drawn
MOTION_MARGIN = 0.30  # IOD by which the skin may have moved
ROUNDED = 0.75  # pucker at which all of the change is reached
REACH = 0.45  # IOD round the folds that is looked at
FOLD_REACH, CORNER_REACH = 0.23, 0.15  # IOD
CORNER_ROUNDED, CORNER_CLOSED = 1.0, 0.9  # share of a corner's shadow that goes: lips that meet keep a trace
UNFOLDED = 0.35, 0.65  # share of the folds that a face loses which does not smile, and more at a full smile
BORDER_EASE = 0.08  # IOD at the box's edge
UNCHANGED = 128  # level in 8 bits
MOST_UNITS, LEAST_STEP = 126, 0.1  # of a change to either side; sRGB levels of a unit, at least

# Folds: by eye.  What is dark on the scale of a fold goes, its light rim less; levels are of 255 or Lab.
LIPS_HALF_WIDTH = 0.87  # of the mouth: where the lips' height is measured; beyond counts as off the lips
OFF_LIPS, OFF_LIPS_EASE = 0.01, 0.04  # IOD from the lips that is skin
SKIN_BLUR, LEAST_LAB_BLUR = 0.01, 0.4  # sigma, IOD and px, before colours are compared
SURELY_SKIN = 0.9  # share of skin of a pixel that tells the skin's colour
LIGHTNESS_SHARE, LIKENESS = 0.6, 30  # of L in the distance from the skin's colour; distance at which a pixel counts 1/e
FOLD_BLUR, LEAST_FOLD_BLUR, WIDE_BLUR = 0.012, 0.5, 0.17  # sigma: of a fold, IOD and px; of the skin without it, IOD
CREASE, CREASE_EASE = 4, 10  # levels darker than the skin round it: there the finest detail is the crease
DARK_GOES, LIGHT_GOES = 0.95, 0.35  # shares
DARKEST_CHANGE, LIGHTEST_CHANGE = -40, 90  # levels

# Dark corners: by eye; filled from their surroundings by Gaussians of growing width (sigma in IOD, weight).
LAB_BLUR = 0.008  # sigma, IOD
DARK, DARK_EASE = 5, 14  # L below what is usual there
RIM = 0.014  # IOD round the dark
LIP_COLUMNS = (
    0.45,
    0.75,
)  # half widths of the mouth between which its lips' lightness is read, in the middle of their height
FILL_FROM = 1.6  # corner reaches
FILLS = ((0.025, 1.0), (0.05, 0.1), (0.12, 0.001))


@dataclass(frozen=True)
class SkinChange:
    """What a pose changes over a box whose corner is `origin` (source px).

    levels: uint8 [h, w, 4], RGB and nothing, UNCHANGED where nothing changes and `step` sRGB levels a unit; None where nothing does at all.
    """

    levels: NDArray[np.uint8] | None
    step: float
    origin: tuple[int, int]

    def applied(
        self, sampled: NDArray[np.uint8], positions: NDArray[np.float32], density: int = 1
    ) -> NDArray[np.uint8]:
        """RGB [h, w, 3] sampled from the source: changed in place and returned.

        positions: [h, w, 2] of the source where it was, px of a picture `density` times as fine.
        """
        if self.levels is not None:
            local = counted_from(self.origin, positions, density)
            moved = cv2.remap(
                self.levels, local, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=[UNCHANGED] * 4
            )
            moved = cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)
            cv2.addWeighted(sampled, 1, moved, self.step, -UNCHANGED * self.step, dst=sampled)
        return sampled


@dataclass(frozen=True)
class RelaxedSkin:
    """folds, corners: float32 [h, w, 4] RGB difference and 0 over `box` (x0, y0, x1, y1 of the source, px).

    step: sRGB levels in a unit of both, so that they fit into 8 bits.
    unfolding: share of `folds` that fully rounded lips show; a face that does not smile keeps more of its own lines.
    """

    folds: NDArray[np.float32]
    corners: NDArray[np.float32]
    step: float
    box: tuple[int, int, int, int]
    margin: int
    unfolding: float

    @classmethod
    def prepare(
        cls, image: NDArray[np.uint8], points: NDArray[np.floating], head: HeadFrame, mouth: MouthShape
    ) -> RelaxedSkin:
        p, iod = np.asarray(points, np.float64), head.iod
        folds = [
            np.vstack([p[list(side), :2], p[[corner], :2]])
            for side, corner in zip(lm.NASOLABIAL, (lm.MOUTH_CORNER_RIGHT, lm.MOUTH_CORNER_LEFT), strict=True)
        ]
        around = np.concatenate(folds)
        x0, y0 = np.maximum((around.min(0) - REACH * iod).astype(int), 0)
        x1, y1 = np.minimum((around.max(0) + REACH * iod).astype(int), [image.shape[1], image.shape[0]])
        patch = image[y0:y1, x0:x1]
        x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        filled = patch.astype(np.float32)
        if mouth.wide_open:  # the corners of lips that touch are lip line
            filled = _without_dark_corners(filled, x, y, mouth)
        unfolded = _without_folds(filled, x, y, folds, mouth)
        fade = smoothstep(np.minimum.reduce([x - x0, y - y0, x1 - 1 - x, y1 - 1 - y]) / (BORDER_EASE * iod))[..., None]
        fold, corner = (unfolded - filled) * fade, (filled - patch) * fade
        step = max(float((np.abs(fold) + np.abs(corner)).max()) / MOST_UNITS, LEAST_STEP)
        return cls(
            np.dstack([fold / step, np.zeros(x.shape)]).astype(np.float32),
            np.dstack([corner / step, np.zeros(x.shape)]).astype(np.float32),
            step,
            (int(x0), int(y0), int(x1), int(y1)),
            int(MOTION_MARGIN * iod),
            UNFOLDED[0] + UNFOLDED[1] * mouth.smile,
        )

    def change(self, pose: Pose) -> SkinChange:
        """What a pose changes."""
        rounded = 1 - (1 - min(pose.pucker / ROUNDED, 1)) ** 2
        folds = self.unfolding * rounded
        corners = max(CORNER_ROUNDED * rounded, CORNER_CLOSED * max(pose.close, pose.fv))
        if max(folds, corners) < VISIBLE:
            return SkinChange(None, self.step, self.box[:2])
        levels = cv2.addWeighted(self.folds, folds, self.corners, corners, UNCHANGED, dtype=cv2.CV_8U)
        return SkinChange(levels, self.step, self.box[:2])

    def draw(self, frame: NDArray[np.uint8], change: SkinChange, positions: NDArray[np.float32], density: int) -> None:
        """Relax the skin of `frame` (RGB, warped) in place.

        positions: [H, W, 2] source position of every pixel, px of a picture `density` times as fine.
        """
        x0, y0, x1, y1 = self.box
        height, width = frame.shape[:2]
        left, top = max(x0 - self.margin, 0), max(y0 - self.margin, 0)
        area = np.s_[top : min(y1 + self.margin, height), left : min(x1 + self.margin, width)]
        change.applied(frame[area], positions[area], density)


def distance_to_line(x: NDArray, y: NDArray, line: NDArray) -> NDArray[np.float64]:
    """Distance in px of positions from a polyline [N, 2]."""
    best = np.full(np.shape(x), np.inf)
    for start, end in pairwise(line):
        step = end - start
        along = np.clip(((x - start[0]) * step[0] + (y - start[1]) * step[1]) / max(step @ step, 1e-9), 0, 1)
        best = np.minimum(best, np.hypot(x - start[0] - along * step[0], y - start[1] - along * step[1]))
    return best


def _without_folds(
    patch: NDArray[np.float32], x: NDArray, y: NDArray, folds: list[NDArray], mouth: MouthShape
) -> NDArray[np.float32]:
    """Takes fold-sized dark lines beside the mouth away and keeps the skin's own texture."""
    iod = mouth.iod
    a, b = mouth.frame.to_local(x, y)
    upper, lower = mouth.at(mouth.outer_upper, a), mouth.at(mouth.outer_lower, a)
    beyond = np.maximum(np.abs(a) - LIPS_HALF_WIDTH * mouth.half_width, 0)
    off_lips = np.hypot(np.maximum(np.maximum(upper - b, b - lower), 0), beyond) / iod
    skin = smoothstep((off_lips - OFF_LIPS) / OFF_LIPS_EASE)
    lab = to_lab(patch, blur=max(SKIN_BLUR * iod, LEAST_LAB_BLUR))
    sure = skin > SURELY_SKIN
    reference = np.median(lab[sure], 0) if sure.any() else lab.reshape(-1, 3).mean(0)
    likeness = np.exp(-((((lab - reference) * [LIGHTNESS_SHARE, 1, 1]) ** 2).sum(2)) / LIKENESS**2)
    weight = (skin * likeness + 1e-4).astype(np.float32)

    fine = cv2.GaussianBlur(patch, (0, 0), max(FOLD_BLUR * iod, LEAST_FOLD_BLUR))
    wide = WIDE_BLUR * iod
    coarse = (
        cv2.GaussianBlur(fine * weight[..., None], (0, 0), wide) / cv2.GaussianBlur(weight, (0, 0), wide)[..., None]
    )
    # In the crease itself the finest detail is the crease.
    crease = smoothstep((coarse.mean(2) - fine.mean(2) - CREASE) / CREASE_EASE).astype(np.float32)[..., None]
    band = fine + crease * (patch - fine) - coarse
    zone = np.exp(-((np.minimum(*(distance_to_line(x, y, line) for line in folds)) / (FOLD_REACH * iod)) ** 2)) * skin
    change = -(DARK_GOES * np.minimum(band, 0) + LIGHT_GOES * np.maximum(band, 0)) * zone[..., None]
    return patch + np.clip(change, DARKEST_CHANGE, LIGHTEST_CHANGE)


def _without_dark_corners(patch: NDArray[np.float32], x: NDArray, y: NDArray, mouth: MouthShape) -> NDArray[np.float32]:
    """Fills the dark of both mouth corners with the lip and skin round it."""
    iod = mouth.iod
    a, b = mouth.frame.to_local(x, y)
    from_end = np.minimum(np.hypot(a - mouth.a[0], b - mouth.seam[0]), np.hypot(a - mouth.a[-1], b - mouth.seam[-1]))
    zone = 1 - smoothstep((from_end / iod - 0.5 * CORNER_REACH) / (0.5 * CORNER_REACH))
    between = (b > mouth.at(mouth.upper, a)) & (b < mouth.at(mouth.lower, a)) & (np.abs(mouth.relative(a)) < 1)
    light = to_lab(patch, blur=max(LAB_BLUR * iod, LEAST_LAB_BLUR))[..., 0]
    near = (zone > 0) & ~between
    if not near.any():
        return patch
    # Red lips are darker than skin and no shadow.
    usual = min(float(np.median(light[near])), _lightness_of_lips(light, x, y, mouth))
    dark = _with_rim(smoothstep((usual - light - DARK) / DARK_EASE), iod)
    weight = ((1 - dark) ** 2 * ~between * (from_end < FILL_FROM * CORNER_REACH * iod) + 1e-5).astype(np.float32)
    total: Any = 0.0
    mass: Any = 0.0
    for sigma, share in FILLS:
        total = total + share * cv2.GaussianBlur(patch * weight[..., None], (0, 0), sigma * iod)
        mass = mass + share * cv2.GaussianBlur(weight, (0, 0), sigma * iod)
    share = zone * np.maximum(dark, between)
    return patch + np.asarray(share[..., None], np.float32) * (total / mass[..., None] - patch)


def _with_rim(dark: NDArray[np.floating], iod: float) -> NDArray[np.float32]:
    """`dark` grown and soft: a rim that is half dark would be left as a ring, and colour what is filled from it."""
    size = 2 * round(RIM * iod + 1) + 1
    grown = cv2.dilate(np.float32(dark), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return cv2.GaussianBlur(grown, (0, 0), RIM * iod / 2 + 0.5)


def _lightness_of_lips(light: NDArray[np.float32], x: NDArray, y: NDArray, mouth: MouthShape) -> float:
    """Median L of both lips beside the corners; light, x, y: [h, w], px of the source."""
    reach = np.abs(mouth.relative(mouth.a))
    beside = (reach > LIP_COLUMNS[0]) & (reach < LIP_COLUMNS[1])
    b = np.stack([(mouth.upper + mouth.outer_upper) / 2, (mouth.lower + mouth.outer_lower) / 2])[:, beside]
    at_x, at_y = mouth.frame.to_image(np.broadcast_to(mouth.a[beside], b.shape), b)
    return float(np.median(sample_nearest(light, at_x - x[0, 0], at_y - y[0, 0])))
