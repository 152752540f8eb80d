"""Palette: the colours of lips, skin, teeth and mouth, and the style of the picture, read from the picture itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import landmarks as lm
from .eyes import EyeShape
from .geometry import sample_nearest
from .linear_light import lab_of, luminance, to_lab, to_linear
from .mouth_shape import MouthShape

# Skin of a neutral photograph relative to its green channel, and the warmth of teeth (linear RGB).
NEUTRAL_SKIN = np.array([1.55, 1.0, 0.74])
TOOTH_WARMTH = np.array([1.05, 0.975, 0.84])
MUCOSA = np.array([2.2, 0.55, 0.62])


@dataclass(frozen=True)
class Palette:
    """Linear RGB colours [3] of the portrait.  style: photo, cartoon or statue.  gray: no colour in the picture.

    teeth_seen: share of the picture's own opening that is teeth.  blur: sigma in px to which drawn parts are softened to match.
    """

    style: str
    gray: bool
    lip: NDArray[np.floating]
    skin: NDArray[np.floating]
    sclera: NDArray[np.floating]
    teeth: NDArray[np.floating]
    mucosa: NDArray[np.floating]
    cavity: NDArray[np.floating]
    teeth_seen: float
    blur: float

    @property
    def cartoon(self) -> bool:
        return self.style == "cartoon"

    @property
    def statue(self) -> bool:
        return self.style == "statue"


def skin_lab(image: NDArray[np.uint8], points: NDArray[np.floating], iod: float) -> NDArray[np.float32]:
    """Median Lab colour of cheeks, nose bridge and forehead."""
    medians = []
    reach = max(1, int(0.04 * iod))
    for x, y in np.asarray(points)[list(lm.CHEEKS_NOSE_FOREHEAD), :2].astype(int):
        patch = image[max(y - reach, 0) : max(y + reach + 1, 0), max(x - reach, 0) : max(x + reach + 1, 0)]
        if patch.size:
            medians.append(np.median(to_lab(patch, blur=max(0.008 * iod, 0.45)).reshape(-1, 3), 0))
    return np.median(medians, 0)


def read_palette(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    mouth: MouthShape,
    eyes: Sequence[EyeShape],
    style: str,
) -> Palette:
    """Measure the palette; style "auto" decides from the picture, any other name is taken as it is."""
    middle = slice(len(mouth.a) // 5, -(len(mouth.a) // 5))

    def in_mouth(b: NDArray) -> NDArray[np.float32]:
        return to_linear(sample_nearest(image, *mouth.frame.to_image(mouth.a[middle][None, :], b))).reshape(-1, 3)

    shares = np.array([[0.3], [0.5], [0.7]])
    lower_lip = in_mouth((mouth.lower + shares * (mouth.outer_lower - mouth.lower))[:, middle])
    upper_lip = in_mouth((mouth.upper - shares * (mouth.upper - mouth.outer_upper))[:, middle])
    lip = np.median(np.concatenate([lower_lip, upper_lip]), 0)
    skin = np.median(to_linear(sample_nearest(image, *np.asarray(points)[list(lm.CHEEKS), :2].astype(int).T)), 0)
    sclera = _sclera(image, eyes)
    skin_light, lip_light, sclera_light = (float(luminance(c)) for c in (skin, lip, sclera))

    skin_color, lip_color = lab_of(skin), lab_of(lip)
    gray = bool(np.hypot(*skin_color[1:]) < 9 and np.hypot(*lip_color[1:]) < 11)
    if style == "auto":
        # A statue is grey and has no dark iris; a black-and-white photograph has one.
        if gray and _iris_luminance(image, eyes) > 0.22 * max(skin_light, 1e-3):
            style = "statue"
        else:
            style = "cartoon" if any(eye.cartoon for eye in eyes) else "photo"

    teeth_seen = 0.0
    if style == "statue":
        teeth, mucosa, cavity = 0.95 * skin, 0.6 * skin, 0.035 * skin
    else:
        tint = _illuminant(skin, sclera)
        light = min(max(1.20 * skin_light, 1.05 * sclera_light), 2.5 * lip_light + 0.05)
        teeth = np.clip(tint * TOOTH_WARMTH * np.clip(light, 0.05, 0.88), 0, 0.95)
        canonical = MUCOSA * tint / luminance(MUCOSA * tint)
        own = lip / max(lip_light, 1e-4)
        hue = 0.7 * own + 0.3 * canonical if style == "cartoon" else 0.35 * own + 0.65 * canonical
        mucosa = hue * np.clip(0.42 * skin_light, 0.02, 0.3)
        if gray:
            mucosa, teeth = (np.full(3, float(luminance(c))) for c in (mucosa, teeth))
        cavity = 0.055 * mucosa + 0.0004
        if style == "cartoon":
            # Drawn eyes often lie in the shade of their lids.
            teeth = np.clip(sclera * max(1.1, skin_light / max(sclera_light, 1e-3)), 0, 0.92)
    if mouth.shows_inside:
        inside = in_mouth((mouth.upper + np.linspace(0.1, 0.9, 15)[:, None] * mouth.gap)[:, middle])
        lab = lab_of(inside)
        pale = (np.hypot(lab[:, 1], lab[:, 2]) < 22) & (luminance(inside) > 0.45 * max(sclera_light, skin_light))
        teeth_seen = float(pale.mean())
        if teeth_seen > 0.12:
            teeth = np.percentile(inside[pale], 75 if mouth.wide_open else 85, axis=0)
    return Palette(style, gray, lip, skin, sclera, teeth, mucosa, cavity, teeth_seen, _blur(image, points))


def _illuminant(skin: NDArray, sclera: NDArray) -> NDArray:
    """Colour of the light, luminance 1: the eye white and the skin pulled to neutral, clamped to warm."""
    white = sclera / max(float(luminance(sclera)), 1e-3)
    tint = (
        0.25 * white / max(white[1], 1e-3) + 0.20 + 0.55 * np.clip(skin / max(skin[1], 1e-3) / NEUTRAL_SKIN, 0.35, 1.6)
    )
    tint = np.clip(tint / tint[1], [1.0, 1.0, 0.50], [1.50, 1.0, 0.98])
    return tint / luminance(tint)


def _sclera(image: NDArray[np.uint8], eyes: Sequence[EyeShape]) -> NDArray:
    """Median of the brightest quarter inside the eyes."""
    whites = []
    for eye in eyes:
        b = eye.upper + np.linspace(0.25, 0.8, 8)[:, None] * (eye.lower - eye.upper)
        pixels = to_linear(sample_nearest(image, *eye.frame.to_image(eye.a[None, :], b))).reshape(-1, 3)
        light = luminance(pixels)
        whites.append(pixels[light >= np.percentile(light, 75)])
    return np.median(np.concatenate(whites), 0)


def _iris_luminance(image: NDArray[np.uint8], eyes: Sequence[EyeShape]) -> float:
    """15th percentile of the luminance in the middle of both eyes."""
    values = []
    for eye in eyes:
        b = (eye.upper + np.array([[0.35], [0.5], [0.65]]) * (eye.lower - eye.upper))[:, 24:57]
        values.append(luminance(to_linear(sample_nearest(image, *eye.frame.to_image(eye.a[None, 24:57], b)))).ravel())
    return float(np.percentile(np.concatenate(values), 15))


def _blur(image: NDArray[np.uint8], points: NDArray[np.floating]) -> float:
    """How soft the face is, as a sigma in px: the ratio of fine to coarse detail."""
    x0, y0 = np.maximum(np.asarray(points)[:, :2].min(0).astype(int), 0)
    x1, y1 = np.asarray(points)[:, :2].max(0).astype(int)
    face = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = (
        np.percentile(np.abs(cv2.Laplacian(cv2.GaussianBlur(face, (0, 0), sigma), cv2.CV_32F)), 99)
        for sigma in (0.4, 1.2)
    )
    return float(np.clip(0.2 + 1.92 * coarse / (fine + 1e-3), 0.4, 2.2))
