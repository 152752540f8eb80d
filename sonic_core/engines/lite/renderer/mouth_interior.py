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
LOWER_BRIGHTNESS = 0.78
TONGUE_EDGE = 0.22  # mouth units over which the tongue's back comes out of the dark, by eye
SHADE_OF_FLESH = np.array([0.85, 1.0, 1.12])  # exponents of the shade in linear R, G, B


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
    unit = min(1.05 * half_width, 0.40 * iod)
    density = int(np.clip(1.6 * unit, 48, 220))
    width, height = int(2.8 * density), int(2.0 * density)
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / density, (np.arange(height) + 0.5 - height / 2) / density)
    canvas = _Canvas(x, y, 1.2 / density)
    blur = 0.8 * palette.blur * density / unit

    def soften(sprite: NDArray, share: float) -> NDArray[np.float32]:
        return cv2.GaussianBlur(sprite, (0, 0), max(blur * share, 0.6))

    upper_edges = (0.02,) * 5 if palette.cartoon else UPPER_EDGES
    upper = _teeth(canvas, palette, UPPER_WIDTHS, upper_edges, UPPER_CROWN, True, 1.0)
    lower = None
    if not palette.cartoon:
        lower = soften(_teeth(canvas, palette, LOWER_WIDTHS, LOWER_EDGES, LOWER_CROWN, False, LOWER_BRIGHTNESS), 0.9)
    return Interior(
        upper_teeth=soften(upper, 0.8),
        lower_teeth=lower,
        tongue=soften(_tongue(canvas, palette), 1.3),
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
    rounding = (0 if palette.cartoon else 0.05) * np.clip((across - 0.55) / 0.45, 0, 1) ** 2
    from_edge = (edge - rounding) - canvas.y if upper else canvas.y - (edge + rounding)
    cover = canvas.cover(from_edge) * canvas.cover(borders[-1] - canvas.side)
    up = np.clip(from_edge / crown, 0, 1)

    if palette.cartoon:
        shade = 0.86 + 0.14 * (1 - smoothstep((canvas.side - 0.5) / 0.6))
    else:
        separation = np.clip((1 - across) * width / 2 / 0.016, 0, 1)
        arch = np.cos(np.clip(canvas.side / 1.25, 0, 1) * 1.2) ** 0.9
        corridor = 1 - 0.75 * smoothstep((canvas.side - 0.50) / 0.6)
        shade = (0.80 + 0.20 * separation) * (1 - 0.10 * across**2) * arch * corridor
    shade = shade * (0.90 + 0.10 * smoothstep(up / 0.35)) * brightness
    # In the mouth's shade enamel is lit by flesh: grey shadows look blue beside warm skin.
    color = palette.teeth * np.maximum(shade, 0)[..., None] ** (
        1.0 if palette.gray or palette.statue else SHADE_OF_FLESH
    )
    if palette.style == "photo":
        color = color * (1 - (1 - np.array([1.0, 0.98, 0.93])) * up[..., None])  # yellower towards the gum
    gum = smoothstep((from_edge - crown - 0.03 * np.cos(np.clip(across, 0, 1) * np.pi)) / 0.05)[..., None]
    color = color * (1 - gum) + 0.75 * palette.mucosa * gum * shade[..., None]
    return np.dstack([color * cover[..., None], cover]).astype(np.float32)


def _tongue(canvas: _Canvas, palette: Palette) -> NDArray[np.float32]:
    """A flattened blob with a middle groove; its top lies about y = 0."""
    below_top = canvas.y - (0.18 * (canvas.x / 0.7) ** 2 + 0.16 * np.clip(canvas.side / 0.72, 0, 2) ** 6)
    if palette.cartoon:
        cover = canvas.cover(below_top) * canvas.cover(0.86 - canvas.side)
    else:  # comes out of the dark: an edge all round would make it a disc
        cover = smoothstep(below_top / TONGUE_EDGE + 0.3) * smoothstep((1.0 - canvas.side) / 0.45)
    if palette.cartoon:
        shade, color = np.full_like(canvas.x, 0.75), palette.mucosa * np.array([1.1, 0.85, 0.9])
    else:
        groove = 1 - 0.20 * np.exp(-((canvas.x / 0.05) ** 2)) * smoothstep(below_top / 0.2)
        shade = (0.42 + 0.30 * smoothstep(below_top / 0.5)) * (1 - 0.35 * smoothstep(canvas.side / 0.8)) * groove
        color = 1.5 * palette.mucosa
    return np.dstack([color * (shade * cover)[..., None], cover]).astype(np.float32)
