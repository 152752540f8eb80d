"""Closing eyelids: a lid layer drawn over the eye on the already warped map, in closed form per column of the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep, smoothstep_of
from .eyes import EyeShape
from .geometry import clipped_box, remap
from .linear_light import linear_planes, luminance_of_planes, srgb_of_planes
from .skin_fill import LidSkin
from .source import DENSITY, SourcePicture
from .spectacles import Spectacles

# All by eye.  Lengths are IOD, sides are half widths of the eye from its middle, unless another unit is said.
# An easing stands beside the place from which, or up to which, it goes.
UNDER_BROW = 0.12  # share of the way from the brow to the lid: from there down skin is drawn over the eye
LEAST_SKIN, LEAST_SKIN_HEIGHT = 0.10, 0.35  # of skin above the lid: IOD, and of the eye's height
# of the eye's width, IOD below its lower lid, px: what is drawn anew
VIEW_SIDE, VIEW_BELOW, VIEW_MARGIN = 0.72, 0.12, 4
LEAST_ROOM = 0.02  # between the rim of glasses and clean skin

# How a lid closes.
LID_END, LID_END_EASE = 1.3, 0.4  # side at which its motion has ended
# of the opening: what the lower lid covers; side from the corners
LOWER_RISE, CARTOON_LOWER_RISE, RISE_EASE = 0.13, 0.05, 0.4
OVERLAP, OVERLAP_EASE = 0.010, 0.3  # beyond the lower lid; side from the corners
SETTLED = 0.40  # of the eye's height below the lower lid, where its skin is at rest
LASHES_GO, LASHES_GO_EASE = 0.15, 0.45  # closure: a drawn lash line takes over from the lashes of the picture

# The closed lid's edge and light.
EDGE, LEAST_EDGE = 0.004, 0.5  # IOD and px, soft
BESIDE, BESIDE_EASE = 0.90, 0.15  # side beyond which lashes below the edge are covered too
SEALED, SEALED_EASE = 0.85, 0.15  # closure from which nothing white is left below the edge
WHITE, WHITE_EASE = 1.08, 0.2  # luminance over that of the skin drawn over it, from which it is white
COVER_END, COVER_END_EASE = (1.55, 1.18), (0.18, 0.34)  # side at which a lid ends, outer and inner
BULGE_LIGHT = 0.07  # the eyeball under the lid lifts it to the light: share added
BULGE_AT, BULGE_HEIGHT = 0.27, 0.35  # of the lid above its edge; of the eye's height
BULGE_EASE = 0.6  # side from the corners
# share, eye heights and px: shadow on the eyeball below the lid
BALL_SHADE, BALL_SHADE_HEIGHT, LEAST_SHADE = 0.38, 0.14, 0.5

# The drawn lash line.
LINE, LINE_MORE, LEAST_LINE = 0.008, 0.007, 0.3  # thickness at the corners, more in the middle, and px
LINE_EASE = 0.5  # side from the corners
LINE_ABOVE = 0.3  # thicknesses by which it lies over the edge
FRINGE, FRINGE_LENGTH = 0.38, 1.6  # opacity and thicknesses of the lashes below
LINE_END, LINE_END_EASE = (1.12, 1.02), 0.22  # side at which it ends, outer and inner

# Drawn eyes.
STROKE_LIGHT, STROKE_EASE = 0.85, 0.35  # share of the bare skin's luminance from which, darker, a pixel is drawn lash
FLAT_EASE = 0.12  # closure over which flat skin covers the eye
FLAT_EDGE = 2  # px, soft
SHUT, SHUT_EASE = 0.88, 0.12  # closure from which the whole segmented eye is covered
NO_BALL = 0.98  # closure from which no eyeball is left to lie in shadow


@dataclass(frozen=True)
class _EyeView:
    """The output pixels of a box as seen from one eye.

    positions: [h, w, 2] source px.  b: eye coordinate.  upper, lower: lids there.  across: -1 to 1 between the eye's ends.
    skin_top: b from which skin is drawn down: under the brow, or under the rim of glasses.
    """

    box: tuple[int, int, int, int]
    positions: NDArray[np.float32]
    b: NDArray[np.float32]
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    across: NDArray[np.float32]
    skin_top: NDArray[np.float32] | float

    @property
    def side(self) -> NDArray[np.float32]:
        return np.abs(self.across)


@dataclass(frozen=True)
class _Lid:
    """Where a lid at some closure lies (arrays over the view's box).

    edge: b of the lid's edge.  skin_end: b where the stretched skin ends.  source_b: b in the picture that each pixel of the lid shows.
    taken_over: 0 own lashes and stretched skin, 1 the closed eye and a drawn lash line.
    """

    edge: NDArray
    skin_end: NDArray
    source_b: NDArray
    taken_over: float


@dataclass(frozen=True)
class Eyelids:
    """Draws both lids.  eyes: the subject's right one first.  glasses: what stands before each eye."""

    source: SourcePicture
    eyes: tuple[EyeShape, EyeShape]
    glasses: tuple[Spectacles | None, Spectacles | None]
    skin: LidSkin
    iod: float

    def draw(self, frame: NDArray[np.uint8], positions: NDArray[np.float32], closure: tuple[float, float]) -> None:
        """Close the eyes in `frame` (RGB, already warped) in place.

        positions: [H, W, 2] source position of every output pixel, px of the doubled picture.
        closure: 0 to 1, the subject's right eye first.
        """
        for eye, glasses, mask, amount in zip(self.eyes, self.glasses, self.skin.cartoon, closure, strict=True):
            if amount <= 0:
                continue
            view = self._view(eye, glasses, positions)
            if view is not None:
                x0, y0, x1, y1 = view.box
                lid = self._photo_lid(eye, view, amount) if mask is None else self._cartoon_lid(eye, mask, view, amount)
                if self.skin.window is not None:
                    area = linear_planes(frame[y0:y1, x0:x1])
                    lid = area + (lid - area) * (remap(self.skin.window, view.positions) / np.float32(255))
                frame[y0:y1, x0:x1] = srgb_of_planes(lid)

    def _skin_top(self, eye: EyeShape) -> float:
        """b under the brow from which skin is drawn down."""
        lid = float(eye.upper.min())
        return min(
            eye.brow + UNDER_BROW * (lid - eye.brow), lid - max(LEAST_SKIN_HEIGHT * eye.height, LEAST_SKIN * self.iod)
        )

    def _view(self, eye: EyeShape, glasses: Spectacles | None, positions: NDArray[np.float32]) -> _EyeView | None:
        height, width = positions.shape[:2]
        column, row = np.clip(eye.frame.origin, 1, [width - 2, height - 2]).astype(int)
        # Local motion of the eye, near enough constant.
        shift = np.array([column, row]) - positions[row, column] / DENSITY
        reach, top = VIEW_SIDE * eye.width + VIEW_MARGIN, self._skin_top(eye) - VIEW_MARGIN
        bottom = eye.lower.max() + VIEW_BELOW * self.iod + VIEW_MARGIN
        corners = np.array([eye.frame.to_image(s * reach, b) for s in (-1, 1) for b in (top, bottom)]) + shift
        x0, y0, x1, y1 = box = clipped_box(corners, 0, width, height)
        if x1 - x0 < 3 or y1 - y0 < 3:
            return None
        inside = positions[y0:y1, x0:x1] / np.float32(DENSITY)
        a, b = (v.astype(np.float32) for v in eye.frame.to_local(inside[..., 0], inside[..., 1]))
        count = len(eye.a)
        sample = (a - np.float32(eye.a[0])) * np.float32((count - 1) / eye.width)
        table = np.stack([eye.upper, eye.lower], -1)[None].astype(np.float32)
        lids = remap(table, np.stack([sample, np.zeros_like(sample)], -1))
        skin_top: Any = self._skin_top(eye)
        if glasses is not None:
            clean = lids[..., 0] - np.float32(eye.skip)
            room = clean - glasses.rim_at(a)
            skin_top = np.maximum(skin_top, clean - np.maximum(room, LEAST_ROOM * self.iod))
        return _EyeView(box, inside, b, lids[..., 0], lids[..., 1], 2 * sample / (count - 1) - 1, skin_top)

    def _lid(self, eye: EyeShape, view: _EyeView, amount: float, rise: float) -> tuple[_Lid, NDArray[np.float32]]:
        """The lid, and the map of the eyeball with its rising lower lid.  rise: share of the opening by which that one rises."""
        iod, side, b = self.iod, view.side, view.b
        lateral = smoothstep((LID_END - side) / LID_END_EASE)
        closing = view.lower - rise * (view.lower - view.upper) * smoothstep((1 - side) / RISE_EASE)
        travel = (closing - view.upper + OVERLAP * iod * smoothstep((1 - side) / OVERLAP_EASE)) * amount
        edge = view.upper + travel

        lower_now, settled = view.lower + (closing - view.lower) * amount, view.lower + SETTLED * eye.height
        squeezed = view.lower + (b - lower_now) * (settled - view.lower) / np.maximum(settled - lower_now, 1e-3)
        below = (b > lower_now) & (b < settled)
        lower_b = np.where(below, squeezed, np.where(b >= settled, b, np.minimum(b, view.lower)))
        eyeball = self._shifted(view, (lower_b - b) * lateral, eye)

        taken_over = smoothstep_of((amount - LASHES_GO) / LASHES_GO_EASE)
        lash = eye.lash * (1 - taken_over)
        skin_end = edge - lash
        source_end = view.upper - lash - eye.skip * taken_over
        top = view.skin_top
        length = np.maximum(skin_end - top, 1e-3)
        x, ratio = np.clip((b - top) / length, 0, 1), (source_end - top) / length
        stretched = top + length * (
            ratio * x + (1 - ratio) * x * (1 - x) ** 2
        )  # slope 1 at the top, ends at source_end
        source_b = np.where(b < top, b, np.where(b < skin_end, stretched, b - skin_end + source_end))
        return _Lid(edge, skin_end, source_b, taken_over), eyeball

    def _shifted(self, view: _EyeView, amount: NDArray, eye: EyeShape) -> NDArray[np.float32]:
        return (view.positions + amount[..., None] * eye.frame.down).astype(np.float32)

    def _photo_lid(self, eye: EyeShape, view: _EyeView, amount: float) -> NDArray[np.float32]:
        """Linear planes [3, h, w]: skin of the lid stretched down; towards full closure the closed eye and a drawn lash line take over."""
        iod, side, b = self.iod, view.side, view.b
        lid, eyeball = self._lid(eye, view, amount, rise=LOWER_RISE)
        top, lateral = view.skin_top, smoothstep((LID_END - side) / LID_END_EASE)
        outer = view.across * eye.outward > 0
        moved = self._shifted(view, (lid.source_b - b) * lateral, eye)
        skin = linear_planes(self.source.sample(moved))

        # Skin stretched far shows smears: the picture with closed eyes takes over.
        closed = linear_planes(remap(self.skin.closed, view.positions))
        skin += (closed - skin) * np.float32(lid.taken_over)

        cover = np.clip((lid.edge - b) / (LEAST_EDGE + EDGE * iod) + 0.5, 0, 1)
        cover = np.maximum(cover, smoothstep((side - BESIDE) / BESIDE_EASE) * lid.taken_over, out=cover, where=outer)
        ends = smoothstep((_by_side(outer, COVER_END) - side) / _by_side(outer, COVER_END_EASE))
        cover *= ends
        bulge = np.exp(-(((b - lid.skin_end + BULGE_AT * (lid.skin_end - top)) / (BULGE_HEIGHT * eye.height + 1)) ** 2))
        skin *= 1 + BULGE_LIGHT * amount * bulge * smoothstep((1 - side) / BULGE_EASE)
        ball = linear_planes(self.source.sample(eyeball)) * self._lid_shadow(eye, view, lid, amount)
        if amount > SEALED:
            ratio = luminance_of_planes(ball) / np.maximum(luminance_of_planes(closed), 1e-3)
            white = smoothstep((ratio - WHITE) / WHITE_EASE) * smoothstep_of((amount - SEALED) / SEALED_EASE)
            ball += (closed - ball) * white
        # Beyond its ends the closed eye goes on: where dark skin was covered there, the lid would end in an upright edge.
        ball += (closed - ball) * ((1 - ends) * lid.taken_over)
        result = ball + (skin - ball) * cover
        line = self._lash_line(eye, view, lid, outer)
        return result + (eye.lash_color[:, None, None] - result) * line

    def _lash_line(self, eye: EyeShape, view: _EyeView, lid: _Lid, outer: NDArray) -> NDArray:
        """Opacity of the drawn lash line: soft, thicker away from the corners, with a fringe below."""
        thickness = (LINE + LINE_MORE * smoothstep((1 - view.side) / LINE_EASE)) * self.iod + LEAST_LINE
        below = view.b - lid.edge
        slope = np.hypot(
            cv2.Sobel(below, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(below, cv2.CV_32F, 0, 1, scale=1 / 8)
        )
        below = below / np.maximum(slope, 1) + LINE_ABOVE * thickness
        fringe = FRINGE * np.exp(-np.clip(below, 0, None) / (FRINGE_LENGTH * thickness)) * (below > 0)
        line = np.maximum(np.exp(-((below / thickness) ** 2)), fringe)
        ends = smoothstep((_by_side(outer, LINE_END) - view.side) / LINE_END_EASE)
        return line * lid.taken_over * ends * eye.lash_strength

    def _lid_shadow(self, eye: EyeShape, view: _EyeView, lid: _Lid, amount: float) -> NDArray:
        """Light on the eyeball under the lid."""
        below = view.b - lid.edge
        on_ball = (below > -1) & (view.b < view.lower + 1) & (view.side < 1)
        fade = BALL_SHADE_HEIGHT * eye.height + LEAST_SHADE
        return 1 - BALL_SHADE * amount * np.exp(-np.clip(below, 0, None) / fade) * on_ball

    def _cartoon_lid(
        self, eye: EyeShape, mask: NDArray[np.uint8], view: _EyeView, amount: float
    ) -> NDArray[np.float32]:
        """Linear planes [3, h, w]: flat skin behind, the drawn lash band moved rigidly with the edge, all inside the segmented eye."""
        b = view.b
        lid, eyeball = self._lid(eye, view, amount, rise=CARTOON_LOWER_RISE)
        lateral = smoothstep((LID_END - view.side) / LID_END_EASE)
        band = np.where(b >= lid.edge - eye.skip, view.upper - lid.edge, 0)
        skin = linear_planes(self.source.sample(self._shifted(view, band * lateral, eye)))
        bare = linear_planes(remap(self.skin.closed, view.positions))
        # Only the dark strokes of the band belong to the lashes; where these are thin it holds eyeball too.
        ratio = luminance_of_planes(skin) / np.maximum(luminance_of_planes(bare), 1e-3)
        stroke = smoothstep((STROKE_LIGHT - ratio) / STROKE_EASE)
        flat = np.clip((lid.edge - eye.skip - b) / FLAT_EDGE + 0.5, 0, 1) * smoothstep_of(amount / FLAT_EASE)
        flat = np.maximum.reduce([flat, np.clip(b - lid.edge + 0.5, 0, 1), 1 - stroke])
        skin += (bare - skin) * flat
        drawn = remap(mask, view.positions).astype(np.float32) / 255
        cover = np.maximum(np.clip(lid.edge - b + 0.5, 0, 1), smoothstep_of((amount - SHUT) / SHUT_EASE)) * drawn
        shade = self._lid_shadow(eye, view, lid, amount) if amount < NO_BALL else np.ones_like(b)
        ball = linear_planes(self.source.sample(eyeball)) * shade
        return ball + (skin - ball) * cover


def _by_side(outer: NDArray[np.bool_], values: tuple[float, float]) -> NDArray[np.float32]:
    """The first value on the eye's outer side, the second on its inner one."""
    return np.where(outer, np.float32(values[0]), np.float32(values[1]))
