"""Drawn teeth and tongue: sprites in mouth units, in the portrait's own colours, for the mouth that the picture does not show."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .palette import Palette

# Half arch from the middle outwards, in mouth units (about 0.4 IOD): widths of the teeth and offsets of their biting edges.
UPPER_WIDTHS, UPPER_EDGES = (0.335, 0.255, 0.25, 0.19, 0.16), (0.0, -0.028, -0.012, -0.05, -0.085)
LOWER_WIDTHS, LOWER_EDGES = (0.21, 0.225, 0.25, 0.20, 0.18), (0.0, 0.0, 0.008, 0.04, 0.07)
UPPER_CROWN, LOWER_CROWN = 0.40, 0.34
CARTOON_EDGE = 0.02  # of one straight band of teeth
LOWER_BRIGHTNESS = 0.78
SHADE_OF_FLESH = np.array([0.85, 1.0, 1.12])  # exponents of the shade in linear R, G, B

# By eye from here on.  The sprites' size and softness; lengths in mouth units unless another unit is said.
UNIT_OF_WIDTH, UNIT_OF_IOD = 1.05, 0.40  # a mouth unit: of the mouth's half width, but at most so many IOD
DENSITY, DENSITY_RANGE = 1.6, (48, 220)  # sprite px per px of the picture; range of sprite px per unit
SPRITE_WIDTH, SPRITE_HEIGHT = 2.8, 2.0
EDGE_SOFTNESS = 1.2  # sprite px
BLUR_SHARE, LEAST_BLUR = 0.8, 0.6  # of the picture's own blur; sprite px
UPPER_BLUR, LOWER_BLUR, TONGUE_BLUR = 0.8, 0.9, 1.3  # of that

# A tooth.
# how far the biting edge rises at a tooth's side; half widths of the tooth where it begins, and to full
ROUND_CORNER, ROUND_FROM, ROUND_EASE = 0.05, 0.55, 0.45
GAP, GAP_LIGHT = 0.016, (0.80, 0.20)  # width of the shade between teeth; light there, and added beside it
SIDE_SHADE = 0.10  # at a tooth's side
# teeth turn from the light along the arch: rad at its half width; exponent
ARCH_WIDTH, ARCH_ANGLE, ARCH_POWER = 1.25, 1.2, 0.9
CORRIDOR_SHADE, CORRIDOR_FROM, CORRIDOR_EASE = 0.75, 0.50, 0.6  # towards the corners of the mouth
# light at the sides of a drawn band, added in its middle
CARTOON_LIGHT, CARTOON_FROM, CARTOON_EASE = (0.86, 0.14), 0.5, 0.6
# light at the biting edge, added up to this share of the crown: enamel is thin there
EDGE_LIGHT, EDGE_HEIGHT = (0.90, 0.10), 0.35
NECK_TINT = np.array([1.0, 0.98, 0.93])  # linear RGB at the gum: yellower
# scallops of the gum over the teeth, soft edge, share of the mucosa's colour
GUM_WAVE, GUM_EASE, GUM_LIGHT = 0.03, 0.05, 0.75

# The tongue.
TONGUE_EDGE = 0.22  # over which its back comes out of the dark
TONGUE_LIFT = 0.3  # of that edge, which is seen above its top
TONGUE_ROOF, TONGUE_ROOF_WIDTH = 0.18, 0.7  # how much lower its back lies there, at this half width: a parabola ...
TONGUE_SIDE, TONGUE_SIDE_WIDTH, MOST_SIDE = 0.16, 0.72, 2  # ... and the sixth power, up to so many of its half widths
TONGUE_WIDTH, TONGUE_WIDTH_EASE = 1.0, 0.45  # half width at which it ends
CARTOON_TONGUE_WIDTH = 0.86
CARTOON_TONGUE_LIGHT, CARTOON_TONGUE_TINT = 0.75, np.array([1.1, 0.85, 0.9])  # of the mucosa's colour, linear RGB
# shade of the middle groove, its width, length over which it begins
GROOVE, GROOVE_WIDTH, GROOVE_EASE = 0.20, 0.05, 0.2
TONGUE_LIGHT, TONGUE_LIGHT_DEPTH = (0.42, 0.30), 0.5  # light at its top, added in front
TONGUE_SIDE_SHADE, TONGUE_SIDE_EASE = 0.35, 0.8  # shade at the sides, half width over which it comes
TONGUE_COLOR = 1.5  # times the mucosa's


@dataclass(frozen=True)
class Interior:
    """Premultiplied linear RGBA sprites float32.  unit: px of one mouth unit.  density: sprite px per mouth unit.

    center: sprite px of the sprite's origin.  lower_teeth is None where they are not drawn.
    """

    upper_teeth: NDArray[np.float32]
    lower_teeth: NDArray[np.float32] | None
    tongue: NDArray[np.float32]
    unit: float
    density: int
    center: tuple[float, float]


@dataclass(frozen=True)
class _Canvas:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    softness: float

    @property
    def side(self) -> NDArray:
        return np.abs(self.x)

    def cover(self, distance: NDArray) -> NDArray:
        """Anti-aliased 0 to 1 over a signed distance in mouth units."""
        return np.clip(distance / (2 * self.softness) + 0.5, 0, 1)


def draw_interior(palette: Palette, half_width: float, iod: float) -> Interior:
    """half_width: of the mouth, px."""
    unit = min(UNIT_OF_WIDTH * half_width, UNIT_OF_IOD * iod)
    density = int(np.clip(DENSITY * unit, *DENSITY_RANGE))
    width, height = int(SPRITE_WIDTH * density), int(SPRITE_HEIGHT * density)
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / density, (np.arange(height) + 0.5 - height / 2) / density)
    canvas = _Canvas(x, y, EDGE_SOFTNESS / density)
    blur = BLUR_SHARE * palette.blur * density / unit

    def soften(sprite: NDArray, share: float) -> NDArray[np.float32]:
        return cv2.GaussianBlur(sprite, (0, 0), max(blur * share, LEAST_BLUR))

    upper_edges = (CARTOON_EDGE,) * len(UPPER_EDGES) if palette.cartoon else UPPER_EDGES
    upper = _teeth(canvas, palette, UPPER_WIDTHS, upper_edges, UPPER_CROWN, True, 1.0)
    lower = None
    if not palette.cartoon:
        lower = soften(
            _teeth(canvas, palette, LOWER_WIDTHS, LOWER_EDGES, LOWER_CROWN, False, LOWER_BRIGHTNESS), LOWER_BLUR
        )
    return Interior(
        upper_teeth=soften(upper, UPPER_BLUR),
        lower_teeth=lower,
        tongue=soften(_tongue(canvas, palette), TONGUE_BLUR),
        unit=unit,
        density=density,
        center=(width / 2, height / 2),
    )


def _teeth(
    canvas: _Canvas,
    palette: Palette,
    widths: tuple[float, ...],
    edges: tuple[float, ...],
    crown: float,
    upper: bool,
    brightness: float,
) -> NDArray[np.float32]:
    """A row of teeth with gum; crown: height of a tooth, mouth units."""
    borders = np.r_[0, np.cumsum(widths)]
    tooth = np.clip(np.searchsorted(borders, canvas.side, "right") - 1, 0, len(widths) - 1)
    width, edge = np.asarray(widths)[tooth], np.asarray(edges)[tooth]
    middle = (borders[:-1] + np.asarray(widths) / 2)[tooth]
    across = np.abs(canvas.side - middle) / (width / 2)  # 0 in the middle of a tooth, 1 at its side
    rounding = (0 if palette.cartoon else ROUND_CORNER) * np.clip((across - ROUND_FROM) / ROUND_EASE, 0, 1) ** 2
    from_edge = (edge - rounding) - canvas.y if upper else canvas.y - (edge + rounding)
    cover = canvas.cover(from_edge) * canvas.cover(borders[-1] - canvas.side)
    up = np.clip(from_edge / crown, 0, 1)

    if palette.cartoon:
        shade = CARTOON_LIGHT[0] + CARTOON_LIGHT[1] * (1 - smoothstep((canvas.side - CARTOON_FROM) / CARTOON_EASE))
    else:
        separation = np.clip((1 - across) * width / 2 / GAP, 0, 1)
        arch = np.cos(np.clip(canvas.side / ARCH_WIDTH, 0, 1) * ARCH_ANGLE) ** ARCH_POWER
        corridor = 1 - CORRIDOR_SHADE * smoothstep((canvas.side - CORRIDOR_FROM) / CORRIDOR_EASE)
        shade = (GAP_LIGHT[0] + GAP_LIGHT[1] * separation) * (1 - SIDE_SHADE * across**2) * arch * corridor
    shade = shade * (EDGE_LIGHT[0] + EDGE_LIGHT[1] * smoothstep(up / EDGE_HEIGHT)) * brightness
    # In the mouth's shade enamel is lit by flesh: grey shadows look blue beside warm skin.
    color = palette.teeth * np.maximum(shade, 0)[..., None] ** (
        1.0 if palette.gray or palette.statue else SHADE_OF_FLESH
    )
    if palette.style == "photo":
        color = color * (1 - (1 - NECK_TINT) * up[..., None])
    gum = smoothstep((from_edge - crown - GUM_WAVE * np.cos(np.clip(across, 0, 1) * np.pi)) / GUM_EASE)[..., None]
    color = color * (1 - gum) + GUM_LIGHT * palette.mucosa * gum * shade[..., None]
    return np.dstack([color * cover[..., None], cover]).astype(np.float32)


def _tongue(canvas: _Canvas, palette: Palette) -> NDArray[np.float32]:
    """A flattened blob with a middle groove; its top lies about y = 0."""
    roof = TONGUE_ROOF * (canvas.x / TONGUE_ROOF_WIDTH) ** 2
    below_top = canvas.y - (roof + TONGUE_SIDE * np.clip(canvas.side / TONGUE_SIDE_WIDTH, 0, MOST_SIDE) ** 6)
    if palette.cartoon:
        cover = canvas.cover(below_top) * canvas.cover(CARTOON_TONGUE_WIDTH - canvas.side)
    else:  # comes out of the dark: an edge all round would make it a disc
        cover = smoothstep(below_top / TONGUE_EDGE + TONGUE_LIFT) * smoothstep(
            (TONGUE_WIDTH - canvas.side) / TONGUE_WIDTH_EASE
        )
    if palette.cartoon:
        shade, color = np.full_like(canvas.x, CARTOON_TONGUE_LIGHT), palette.mucosa * CARTOON_TONGUE_TINT
    else:
        groove = 1 - GROOVE * np.exp(-((canvas.x / GROOVE_WIDTH) ** 2)) * smoothstep(below_top / GROOVE_EASE)
        light = TONGUE_LIGHT[0] + TONGUE_LIGHT[1] * smoothstep(below_top / TONGUE_LIGHT_DEPTH)
        shade = light * (1 - TONGUE_SIDE_SHADE * smoothstep(canvas.side / TONGUE_SIDE_EASE)) * groove
        color = TONGUE_COLOR * palette.mucosa
    return np.dstack([color * (shade * cover)[..., None], cover]).astype(np.float32)
