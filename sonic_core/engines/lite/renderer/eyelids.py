"""Closing eyelids: a lid layer drawn over the eye on the already warped map, in closed form per column of the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .eyes import EyeShape
from .geometry import clipped_box, remap
from .linear_light import luminance, to_linear, to_srgb
from .skin_fill import LidSkin
from .source import SourcePicture
from .spectacles import Spectacles


@dataclass(frozen=True)
class _EyeView:
    """The output pixels of a box as seen from one eye.

    positions: [h, w, 2] source px.  b: eye coordinate.  upper, lower: lids there.  across: -1 to 1 between the eye's ends.
    skin_top: b from which skin is drawn down: under the brow, or under the rim of glasses.  bare: 0 to 1, how little skin there is
    between that and the lid.
    """

    box: tuple[int, int, int, int]
    positions: NDArray[np.float32]
    b: NDArray[np.float32]
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    across: NDArray[np.float32]
    skin_top: NDArray[np.float32] | float
    bare: NDArray[np.float32] | float

    @property
    def side(self) -> NDArray[np.float32]:
        return np.abs(self.across)


@dataclass(frozen=True)
class _Lid:
    """Where a lid at some closure lies (arrays over the view's box).

    edge: b of the lid's edge.  skin_end: b where the stretched skin ends.  stretch: how far that skin is stretched.
    source_b: b in the picture that each pixel of the lid shows.  taken_over: 0 own lashes ride along, 1 drawn lash line.
    """

    edge: NDArray
    skin_end: NDArray
    stretch: NDArray
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

        positions: [H, W, 2] source px of every output pixel.  closure: 0 to 1, the subject's right eye first.
        """
        for eye, glasses, mask, amount in zip(self.eyes, self.glasses, self.skin.cartoon, closure, strict=True):
            if amount <= 0:
                continue
            view = self._view(eye, glasses, positions)
            if view is not None:
                x0, y0, x1, y1 = view.box
                lid = (
                    self._photo_lid(eye, None, view, amount)
                    if mask is None
                    else self._cartoon_lid(eye, mask, view, amount)
                )
                if glasses is not None:
                    area = frame[y0:y1, x0:x1]
                    behind = 1 - remap(glasses.in_front, view.positions)[..., None] / np.float32(255)
                    lid = to_linear(area) + (lid - to_linear(area)) * behind
                frame[y0:y1, x0:x1] = to_srgb(lid)

    def _skin_top(self, eye: EyeShape) -> float:
        """b under the brow from which skin is drawn down."""
        lid = eye.upper.min()
        return min(eye.brow + 0.12 * (lid - eye.brow), lid - max(0.35 * eye.height, 0.10 * self.iod))

    def _view(self, eye: EyeShape, glasses: Spectacles | None, positions: NDArray[np.float32]) -> _EyeView | None:
        height, width = positions.shape[:2]
        column, row = np.clip(eye.frame.origin, 1, [width - 2, height - 2]).astype(int)
        shift = np.array([column, row]) - positions[row, column]  # local motion of the eye, near enough constant
        reach, top, bottom = 0.72 * eye.width + 4, self._skin_top(eye) - 4, eye.lower.max() + 0.12 * self.iod + 4
        corners = np.array([eye.frame.to_image(s * reach, b) for s in (-1, 1) for b in (top, bottom)]) + shift
        x0, y0, x1, y1 = box = clipped_box(corners, 0, width, height)
        if x1 - x0 < 3 or y1 - y0 < 3:
            return None
        inside = np.ascontiguousarray(positions[y0:y1, x0:x1])
        a, b = (v.astype(np.float32) for v in eye.frame.to_local(inside[..., 0], inside[..., 1]))
        count = len(eye.a)
        sample = (a - np.float32(eye.a[0])) * np.float32((count - 1) / eye.width)
        table = np.stack([eye.upper, eye.lower], -1)[None].astype(np.float32)
        lids = remap(table, np.stack([sample, np.zeros_like(sample)], -1))
        skin_top: Any = self._skin_top(eye)
        bare: Any = 0.0
        if glasses is not None:
            clean = lids[..., 0] - np.float32(eye.skip)
            room = clean - glasses.rim_at(a)
            skin_top = np.maximum(skin_top, clean - np.maximum(room, 0.02 * self.iod))
            bare = 1 - smoothstep(room / (0.15 * self.iod))
        return _EyeView(box, inside, b, lids[..., 0], lids[..., 1], 2 * sample / (count - 1) - 1, skin_top, bare)

    def _lid(self, eye: EyeShape, view: _EyeView, amount: float, rise: float) -> tuple[_Lid, NDArray[np.float32]]:
        """The lid, and the map of the eyeball with its rising lower lid.  rise: share of the opening by which that one rises."""
        iod, side, b = self.iod, view.side, view.b
        lateral = smoothstep((1.3 - side) / 0.4)
        closing = view.lower - rise * (view.lower - view.upper) * smoothstep((1 - side) / 0.4)
        travel = (closing - view.upper + 0.010 * iod * smoothstep((1 - side) / 0.3)) * amount
        edge = view.upper + travel

        lower_now, settled = view.lower + (closing - view.lower) * amount, view.lower + 0.40 * eye.height
        squeezed = view.lower + (b - lower_now) * (settled - view.lower) / np.maximum(settled - lower_now, 1e-3)
        below = (b > lower_now) & (b < settled)
        lower_b = np.where(below, squeezed, np.where(b >= settled, b, np.minimum(b, view.lower)))
        eyeball = self._shifted(view, (lower_b - b) * lateral, eye)

        taken_over = float(smoothstep((amount - 0.15) / 0.45))
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
        return _Lid(edge, skin_end, length / np.maximum(source_end - top, 1e-3), source_b, taken_over), eyeball

    def _shifted(self, view: _EyeView, amount: NDArray, eye: EyeShape) -> NDArray[np.float32]:
        return (view.positions + amount[..., None] * eye.frame.down).astype(np.float32)

    def _photo_lid(
        self, eye: EyeShape, mask: NDArray[np.uint8] | None, view: _EyeView, amount: float
    ) -> NDArray[np.float32]:
        """Skin of the lid stretched down; towards full closure a drawn lash line and bare skin take over."""
        iod, side, b = self.iod, view.side, view.b
        lid, eyeball = self._lid(eye, view, amount, rise=0.13)
        top, lateral = view.skin_top, smoothstep((1.3 - side) / 0.4)
        outer = view.across * eye.outward > 0
        moved = self._shifted(view, (lid.source_b - b) * lateral, eye)
        skin = to_linear(self.source.sample(moved))

        # Skin stretched far shows smears: blend in the bare-skin fill, and paint over lashes beyond the outer corner.
        smeared = lid.taken_over * np.maximum(smoothstep(lid.stretch - 1.15), view.bare) * lateral
        smeared *= np.maximum(smoothstep((b - top) / (0.5 * np.maximum(lid.skin_end - top, 1e-3))), view.bare)
        beyond = eye.skip + 0.015 * iod + 0.13 * iod * smoothstep((side - 0.7) / 0.3) * outer
        strokes = remap(self.skin.lashes, view.positions).astype(np.float32) / 255
        strokes *= lid.taken_over * np.clip((b - view.upper + beyond) / (0.03 * iod + 1), 0, 1)
        strokes *= smoothstep((side - 0.75) / 0.2)
        painted = np.maximum(smeared, strokes)[..., None]
        if painted.any():
            down_lid = np.clip((b - top) / np.maximum(lid.edge - top, 1), 0, 1)
            bare = to_linear(remap(self.skin.fill, view.positions)) * (1.04 - 0.12 * down_lid**3)[..., None]
            streaks = to_linear(remap(self.skin.streaked, moved))
            filled = np.asarray(0.55 + 0.30 * view.bare)[..., None]
            skin += (streaks + (bare - streaks) * filled - skin) * painted

        cover = np.clip((lid.edge - b) / (0.5 + 0.004 * iod) + 0.5, 0, 1)
        cover *= smoothstep((np.where(outer, 1.55, 1.18) - side) / np.where(outer, 0.18, 0.34))
        bulge = np.exp(-(((b - lid.skin_end + 0.27 * (lid.skin_end - top)) / (0.35 * eye.height + 1)) ** 2))
        skin *= (1 + 0.07 * amount * bulge * smoothstep((1 - side) / 0.6))[..., None]
        ball = to_linear(self.source.sample(eyeball)) * self._lid_shadow(eye, view, lid, amount)[..., None]
        result = ball * (1 - cover)[..., None] + skin * cover[..., None]
        line = self._lash_line(eye, view, lid, outer)[..., None]
        return result * (1 - line) + eye.lash_color * line

    def _lash_line(self, eye: EyeShape, view: _EyeView, lid: _Lid, outer: NDArray) -> NDArray:
        """Opacity of the drawn lash line: soft, thicker away from the corners, with a fringe below."""
        thickness = (0.008 + 0.007 * smoothstep((1 - view.side) / 0.5)) * self.iod + 0.3
        below = view.b - lid.edge + 0.3 * thickness
        fringe = 0.38 * np.exp(-np.clip(below, 0, None) / (1.6 * thickness)) * (below > 0)
        line = np.maximum(np.exp(-((below / thickness) ** 2)), fringe)
        ends = smoothstep((np.where(outer, 1.12, 1.02) - view.side) / 0.22)
        return line * lid.taken_over * ends * eye.lash_strength

    def _lid_shadow(self, eye: EyeShape, view: _EyeView, lid: _Lid, amount: float) -> NDArray:
        """Light on the eyeball under the lid."""
        below = view.b - lid.edge
        on_ball = (below > -1) & (view.b < view.lower + 1) & (view.side < 1)
        return 1 - 0.38 * amount * np.exp(-np.clip(below, 0, None) / (0.14 * eye.height + 0.5)) * on_ball

    def _cartoon_lid(
        self, eye: EyeShape, mask: NDArray[np.uint8], view: _EyeView, amount: float
    ) -> NDArray[np.float32]:
        """Flat skin behind, the drawn lash band moved rigidly with the edge, all inside the segmented eye."""
        b = view.b
        lid, eyeball = self._lid(eye, view, amount, rise=0.05)
        lateral = smoothstep((1.3 - view.side) / 0.4)
        band = np.where(b >= lid.edge - eye.skip, view.upper - lid.edge, 0)
        skin = to_linear(self.source.sample(self._shifted(view, band * lateral, eye)))
        bare = to_linear(remap(self.skin.fill, view.positions))
        # Only the dark strokes of the band belong to the lashes; where these are thin it holds eyeball too.
        stroke = smoothstep((0.85 - luminance(skin) / np.maximum(luminance(bare), 1e-3)) / 0.35)
        flat = np.clip((lid.edge - eye.skip - b) / 2 + 0.5, 0, 1) * smoothstep(amount / 0.12)
        flat = np.maximum.reduce([flat, np.clip(b - lid.edge + 0.5, 0, 1), 1 - stroke])[..., None]
        skin += (bare - skin) * flat
        drawn = remap(mask, view.positions).astype(np.float32) / 255
        cover = np.maximum(np.clip(lid.edge - b + 0.5, 0, 1), smoothstep((amount - 0.88) / 0.12)) * drawn
        shade = self._lid_shadow(eye, view, lid, amount) if amount < 0.98 else np.ones_like(b)
        ball = to_linear(self.source.sample(eyeball)) * shade[..., None]
        return ball * (1 - cover)[..., None] + skin * cover[..., None]
