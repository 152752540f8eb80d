"""Puts the mouth together, in linear light: upper lip over lower lip over what lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep, smoothstep_of
from ..parameters import Pose
from .cavity import Cavity, speaking
from .fields import MOUTH_FIELDS, FieldLayer, Fields
from .geometry import clipped_box, counted_from, extent, remap, shifted
from .grid import Grid
from .linear_light import linear_planes, srgb_of_planes
from .mouth_shape import MouthShape
from .relaxed_skin import SkinChange
from .source import SourcePicture
from .warp import Warp

# All by eye.
CROSSFADE = 0.05  # largest mouth coefficient over which the plain warp gives way, so that the neutral frame is the picture itself
WHOLLY_OPEN = 2.5  # widths of the contact by which lips must part to count as open, and one px
EDGE_SOFTENS = 0.010  # IOD by which the edge of open lips is softer than one px
SEEN = 0.004  # opacity below which nothing between the lips is painted

# Skin that webs the corners.
WEB_OF_ROUNDED = 0.30  # half widths of the mouth at either end where fully rounded lips meet
WEB_ROUNDING = 2.0  # times pucker: rounded lips have met when it is half
WEB_EASE, WEB_BEGIN = 0.07, 0.10  # of the widest opening, from its end: to free; of that, where it begins
WEB_OPENING = 3  # contacts of opening from which a corner has a web
WEB_LIGHT = 0.36  # of the light of either lip's edge

# The turned-in, wet part of each lip lies in the shadow of the cavity.
SHADE_REACH, LEAST_SHADE_REACH = 0.035, 0.5  # IOD and px over which it fades
UPPER_SHADE, LOWER_SHADE = 0.30, 0.22  # share of light taken at the edge
# Lips that meet need the line that a picture of open ones does not have: share of light taken, shade reaches above and below.
SEAM_SHADE, SEAM_ABOVE, SEAM_BELOW = 0.5, 0.25, 0.6

# What is drawn anew and looked at: half widths of the mouth round the lips, and px.
BOX_MARGIN, BOX_MARGIN_PX = 0.10, 4
AROUND = 1.1  # half widths that are looked at round the lips; shares of it to the sides, above and below:
SIDES, ABOVE, BELOW = 0.6, 1.3, 1.5


@dataclass(frozen=True)
class _Edges:
    """Points on both edges of a lip: px [N, 2], and in nodes of its layer [1, N, 2]."""

    px: NDArray[np.float64]
    nodes: NDArray[np.float32]

    @classmethod
    def of(cls, mouth: MouthShape, curves: tuple[NDArray, NDArray], layer: FieldLayer, grid: Grid) -> _Edges:
        x, y = (
            np.concatenate(v) for v in zip(*(mouth.frame.to_image(mouth.a[::8], c[::8]) for c in curves), strict=True)
        )
        nodes = np.stack(grid.node_of(x, y), -1) - layer.origin
        return cls(np.stack([x, y], 1), nodes[None].astype(np.float32))

    def moved(self, forward: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
        """Where they are seen, px [N, 2].  forward: displacement of the layer, in nodes."""
        return self.px + remap(forward, self.nodes)[0] / grid.per_px


@dataclass(frozen=True)
class MouthLayers:
    """above, below: [h, w] signed px from the upper and from the lower lip's edge (+ above) over a box at `origin`, source side.
    gap: [h, w] px of the picture's own opening there.  edges: of the upper and of the lower lip."""

    source: SourcePicture
    mouth: MouthShape
    cavity: Cavity
    above: NDArray[np.float32]
    below: NDArray[np.float32]
    gap: NDArray[np.float32]
    origin: tuple[int, int]
    edges: tuple[_Edges, _Edges]

    @classmethod
    def prepare(
        cls,
        source: SourcePicture,
        mouth: MouthShape,
        cavity: Cavity,
        positions: NDArray[np.float32],
        fields: Fields,
        grid: Grid,
    ) -> MouthLayers:
        """positions: [h, w, 2] px of the box round the mouth (`mouth_box`)."""
        a, b = mouth.frame.to_local(positions[..., 0], positions[..., 1])

        def distance(curve: NDArray) -> NDArray[np.float32]:
            slope = mouth.extended(curve, a + 0.5) - mouth.extended(curve, a - 0.5)
            return ((mouth.extended(curve, a) - b) / np.sqrt(1 + slope * slope)).astype(np.float32)

        above, below, gap = distance(mouth.upper), distance(mouth.lower), mouth.at(mouth.gap, a).astype(np.float32)
        edges = (
            _Edges.of(mouth, (mouth.outer_upper, mouth.upper), fields.upper, grid),
            _Edges.of(mouth, (mouth.outer_lower, mouth.lower), fields.lower, grid),
        )
        return cls(source, mouth, cavity, above, below, gap, (int(positions[0, 0, 0]), int(positions[0, 0, 1])), edges)

    def draw(
        self,
        frame: NDArray[np.uint8],
        pose: Pose,
        weights: NDArray[np.float32],
        skin: SkinChange,
        warp: Warp,
        grid: Grid,
    ) -> None:
        """Compose the mouth into `frame` (RGB, already warped) in place."""
        strength = float(np.abs(weights[:MOUTH_FIELDS]).max())
        blend = smoothstep_of(strength / CROSSFADE)
        box = self._box(warp, grid)
        if blend == 0 or box[2] - box[0] < 4 or box[3] - box[1] < 4:
            return
        x0, y0, x1, y1 = box
        mouth = self.mouth
        upper_map, lower_map = grid.positions_in(box, warp.upper, warp.lower)
        upper_place = counted_from(self.origin, upper_map)
        above, below = remap(self.above, upper_place), remap(self.below, counted_from(self.origin, lower_map))
        gap = below - above  # local opening in px, smooth everywhere

        cut_upper, cut_lower = mouth.contact
        a, _ = mouth.frame.to_local(upper_map[..., 0], upper_map[..., 1])
        pictured = remap(self.gap, upper_place) if mouth.shows_inside else np.zeros_like(gap)
        opened = self._opened(pictured, gap, strength)
        # A picture with parted lips has the rim of teeth or darkness at both edges: it must not show on closed lips either.
        cut = np.maximum(opened, speaking(strength) * mouth.rim(pictured)) if mouth.shows_inside else opened
        softness = 1 + EDGE_SOFTENS * mouth.iod * opened
        upper_cover = np.clip((above - cut_upper * cut) / softness + 0.5, 0, 1)
        lower_cover = np.clip((-below - cut_lower * cut) / softness + 1.5 - opened, 0, 1)
        widest = max(float(gap.max()), 0.0)
        to_end = np.minimum(a - float(mouth.a[0]), float(mouth.a[-1]) - a)
        met = WEB_OF_ROUNDED * pose.pucker * mouth.half_width  # px from the ends where rounded lips meet
        webbed = np.maximum(opened, np.float32(smoothstep_of(WEB_ROUNDING * pose.pucker)))
        inner = smoothstep((to_end - met) / (WEB_EASE * widest + 1e-3) - WEB_BEGIN)
        free = 1 - webbed * (1 - inner)  # 0 where skin webs the corner

        upper_lip, lower_lip = self._sampled(upper_map, lower_map, skin)
        inside: NDArray | float = 0.0
        uncovered = (1 - upper_cover) * (1 - lower_cover)
        if (uncovered * free).max() > SEEN:
            inside = np.zeros_like(upper_lip)
            seen = extent(uncovered > 0)
            part = (x0 + seen[1].start, y0 + seen[0].start, x0 + seen[1].stop, y0 + seen[0].stop)
            painted = self.cavity.paint(pose, part, above[seen], below[seen], widest, to_end[seen], strength)
            inside[:, seen[0], seen[1]] = painted
        if widest > WEB_OPENING * (cut_upper + cut_lower) and (free < 1).any():
            web = self._corner_web(upper_map, lower_map, above, below, skin)
            inside = web + (inside - web) * free

        reach = SHADE_REACH * mouth.iod + LEAST_SHADE_REACH
        upper_lip *= 1 - UPPER_SHADE * opened * np.exp(np.minimum(cut_upper - above, 0) / reach)
        lower_lip *= 1 - LOWER_SHADE * opened * np.exp(np.minimum(cut_lower + below, 0) / reach)
        if mouth.shows_inside:
            contact = np.exp(
                -((np.minimum(above - cut_upper, 0) / (SEAM_BELOW * reach)) ** 2)
                - (np.maximum(above - cut_upper, 0) / (SEAM_ABOVE * reach))
            )
            lower_lip *= 1 - SEAM_SHADE * (cut - opened) * contact
        result = lower_cover * lower_lip + (1 - lower_cover) * inside
        result = upper_cover * upper_lip + (1 - upper_cover) * result
        if blend < 1:
            result = linear_planes(frame[y0:y1, x0:x1]) * (1 - blend) + result * blend
        frame[y0:y1, x0:x1] = srgb_of_planes(result)

    def _sampled(
        self, upper: NDArray[np.float32], lower: NDArray[np.float32], skin: SkinChange
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Linear planes [3, h, w] of the changed picture at two maps [h, w, 2] of source px."""
        both = np.concatenate([upper, lower])  # one look-up costs less than two
        planes = linear_planes(skin.applied(self.source.sample(both), both))
        return planes[:, : len(upper)], planes[:, len(upper) :]

    def _opened(self, pictured: NDArray, gap: NDArray, strength: float) -> NDArray:
        """0 where the lips are as pictured or touch, 1 where they have parted.  pictured: the picture's own opening, px."""
        scale = WHOLLY_OPEN * sum(self.mouth.contact) + 1
        if not self.mouth.shows_inside:
            return smoothstep(gap / scale)
        active = speaking(strength)
        return active * smoothstep(gap / scale) + (1 - active) * smoothstep((gap - pictured) / scale)

    def _box(self, warp: Warp, grid: Grid) -> tuple[int, int, int, int]:
        """Output box of the lips: their source points pushed forward."""
        upper, lower = self.edges
        points = np.concatenate([upper.moved(warp.upper_forward, grid), lower.moved(warp.lower_forward, grid)])
        return clipped_box(points, BOX_MARGIN * self.mouth.half_width + BOX_MARGIN_PX, grid.width, grid.height)

    def _corner_web(
        self,
        upper_map: NDArray[np.float32],
        lower_map: NDArray[np.float32],
        above: NDArray[np.float32],
        below: NDArray[np.float32],
        skin: SkinChange,
    ) -> NDArray[np.float32]:
        """Colour of the lip edges carried into the corner: linear planes [3, h, w]."""
        down = self.mouth.frame.down
        cut_upper, cut_lower = self.mouth.contact
        from_upper = shifted(upper_map, -np.maximum(cut_upper + 1 - above, 0), down)
        from_lower = shifted(lower_map, np.maximum(cut_lower + 1 + below, 0), down)
        upper, lower = self._sampled(from_upper, from_lower, skin)
        return WEB_LIGHT * (upper + lower)


def mouth_box(mouth: MouthShape) -> tuple[int, int, int, int]:
    """Source box x0, y0, x1, y1 that holds everything near the lips; may reach outside the picture."""
    pad = AROUND * mouth.half_width
    corners = np.array(
        [
            mouth.frame.to_image(a, b)
            for a in (mouth.a[0] - SIDES * pad, mouth.a[-1] + SIDES * pad)
            for b in (-ABOVE * pad, BELOW * pad)
        ]
    )
    x0, y0 = np.floor(corners.min(0)).astype(int)
    x1, y1 = np.ceil(corners.max(0)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
