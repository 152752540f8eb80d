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

# All by eye.  Colours are linear RGB, chroma is Lab, luminance 0 to 1.
SKIN_PATCH = 0.04  # IOD to either side of a landmark
SKIN_BLUR, LEAST_SKIN_BLUR = 0.008, 0.45  # sigma, IOD and px
LIP_SHARES = np.array([[0.3], [0.5], [0.7]])  # of a lip's height: where its colour is read
WHITE_SHARES = np.linspace(0.25, 0.8, 8)[:, None]  # of an eye's height; its brightest quarter is white
BRIGHTEST = 75  # percentile
# of an eye's height, and samples of its lids
IRIS_SHARES, IRIS_COLUMNS = np.array([[0.35], [0.5], [0.65]]), slice(24, 57)
IRIS_DARKEST = 15  # percentile

# Style: a statue is grey and has no dark iris; a black-and-white photograph has one.
GRAY_SKIN, GRAY_LIP = 9, 11  # chroma below which both are grey
# Of the skin's luminance, and of the lightest of the eye's (sockets may lie in the dark), above which an iris is none.  Grey
# photographs measured up to 0.05 and 0.07, statues from 0.29 and, in deep shadow, from 0.18.
BLANK_EYE, BLANK_EYE_OF_WHITE = 0.22, 0.13

# The light: the eye white and the skin, pulled to neutral and clamped to what lights a face.
NEUTRAL_SKIN = np.array([1.55, 1.0, 0.74])  # of a neutral photograph, relative to its green channel
OF_WHITE, OF_NEUTRAL, OF_SKIN = 0.25, 0.20, 0.55  # shares of the light's colour
SKIN_TINT = 0.35, 1.6  # range of the skin's colour over the neutral one
# range of the light, relative to green: low and high of each channel
COOLEST, WARMEST = [1.0, 1.0, 0.50], [1.50, 1.0, 1.04]

# Teeth: as light as skin and eye white suggest, but not far from the lips' own light.
TOOTH_WARMTH = np.array([1.06, 0.975, 0.80])
OVER_SKIN, OVER_WHITE = 1.20, 1.05
OVER_LIP, LIP_SHADE = 3.0, 0.08  # at most so many times the lips' luminance, and so much more
BETWEEN_PAINTED = 0.80  # of the skin's luminance, where lips are darker than that: paint shades nothing
TOOTH_LIGHT, LIGHTEST_TOOTH = (0.05, 0.88), 0.95  # range of the light on them; of a channel
CARTOON_OVER_WHITE, LIGHTEST_CARTOON_TOOTH = 1.1, 0.92  # drawn eyes often lie in the shade of their lids
# Teeth that the picture shows are looked for at these shares of the opening's height.
SEEN_SHARES = np.linspace(0.1, 0.9, 15)[:, None]
SEEN_CHROMA, SEEN_LIGHT = 22, 0.45  # least coloured, and lightest, of what is no tooth: share of eye white or skin
# Teeth in the lips' shade are less coloured than they and not darker: of the lips' chroma and L; share of the opening that is enough.
DIM_CHROMA, DIM_LIGHT, LEAST_DIM = 0.62, 0.8, 0.15
DIM_HUE = 0.6  # share of their hue in that of drawn teeth
LEAST_SEEN = 0.12  # share of the opening from which its teeth give their colour
SEEN_PERCENTILE, SEEN_PERCENTILE_OPEN = 85, 75  # of their own light: their colour

# Inside of the mouth: the lips' own hue, pulled to flesh.
MUCOSA = np.array([2.2, 0.55, 0.62])
MUCOSA_OF_LIP, CARTOON_MUCOSA_OF_LIP = (0.35, 0.65), (0.7, 0.3)  # shares of the lips' hue and of flesh
MUCOSA_LIGHT, MUCOSA_RANGE = 0.42, (0.02, 0.3)  # of the skin's luminance; range
MUCOSA_OVER_LIP = 1.6  # of the lips' luminance at most: lips in the dark have a dark mouth behind them
CAVITY_OF_MUCOSA, CAVITY_LIGHT = 0.055, 0.0004  # its light deep inside, and what is left of it in the dark
STONE_TEETH, STONE_MUCOSA, STONE_CAVITY = 0.95, 0.6, 0.035  # of a statue's skin

# Softness of the picture: the less of the detail at 0.4 px is left at 1.2 px, the sharper.
FINE, COARSE = 0.4, 1.2  # sigma, px
STRONGEST = 99  # percentile of the Laplacian
BLUR_AT_NONE, BLUR_PER_SHARE = 0.2, 1.92  # px
BLUR_RANGE = 0.4, 2.2  # px


@dataclass(frozen=True)
class Palette:
    """Linear RGB colours [3] of the portrait.  style: photo, cartoon or statue.  gray: no colour in the picture.

    teeth_seen: share of the picture's own opening that is teeth in full light.  shows_teeth: it has teeth to be used, dim ones too.
    blur: sigma in px to which drawn parts are softened to match.
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
    shows_teeth: bool
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
    reach = max(1, int(SKIN_PATCH * iod))
    for x, y in np.asarray(points)[list(lm.CHEEKS_NOSE_FOREHEAD), :2].astype(int):
        patch = image[max(y - reach, 0) : max(y + reach + 1, 0), max(x - reach, 0) : max(x + reach + 1, 0)]
        if patch.size:
            medians.append(np.median(to_lab(patch, blur=max(SKIN_BLUR * iod, LEAST_SKIN_BLUR)).reshape(-1, 3), 0))
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

    lower_lip = in_mouth((mouth.lower + LIP_SHARES * (mouth.outer_lower - mouth.lower))[:, middle])
    upper_lip = in_mouth((mouth.upper - LIP_SHARES * (mouth.upper - mouth.outer_upper))[:, middle])
    lip = np.median(np.concatenate([lower_lip, upper_lip]), 0)
    skin = np.median(to_linear(sample_nearest(image, *np.asarray(points)[list(lm.CHEEKS), :2].astype(int).T)), 0)
    sclera = _sclera(image, eyes)
    skin_light, lip_light, sclera_light = (float(luminance(c)) for c in (skin, lip, sclera))

    skin_color, lip_color = lab_of(skin), lab_of(lip)
    gray = bool(np.hypot(*skin_color[1:]) < GRAY_SKIN and np.hypot(*lip_color[1:]) < GRAY_LIP)
    if style == "auto":
        blank = min(BLANK_EYE * max(skin_light, 1e-3), BLANK_EYE_OF_WHITE * max(sclera_light, 1e-3))
        is_statue = gray and _iris_luminance(image, eyes) > blank
        style = "statue" if is_statue else "cartoon" if any(eye.cartoon for eye in eyes) else "photo"

    teeth_seen, shows_teeth = 0.0, False
    if style == "statue":
        teeth, mucosa, cavity = STONE_TEETH * skin, STONE_MUCOSA * skin, STONE_CAVITY * skin
    else:
        tint = _illuminant(skin, sclera)
        most = max(OVER_LIP * lip_light + LIP_SHADE, BETWEEN_PAINTED * skin_light)
        light = min(max(OVER_SKIN * skin_light, OVER_WHITE * sclera_light), most)
        teeth = np.clip(tint * TOOTH_WARMTH * np.clip(light, *TOOTH_LIGHT), 0, LIGHTEST_TOOTH)
        canonical = MUCOSA * tint / luminance(MUCOSA * tint)
        own = lip / max(lip_light, 1e-4)
        of_lip, of_flesh = CARTOON_MUCOSA_OF_LIP if style == "cartoon" else MUCOSA_OF_LIP
        flesh_light = min(MUCOSA_LIGHT * skin_light, MUCOSA_OVER_LIP * lip_light)
        mucosa = (of_lip * own + of_flesh * canonical) * np.clip(flesh_light, *MUCOSA_RANGE)
        if gray:
            mucosa, teeth = (np.full(3, float(luminance(c))) for c in (mucosa, teeth))
        cavity = CAVITY_OF_MUCOSA * mucosa + CAVITY_LIGHT
        if style == "cartoon":
            over_white = max(CARTOON_OVER_WHITE, skin_light / max(sclera_light, 1e-3))
            teeth = np.clip(sclera * over_white, 0, LIGHTEST_CARTOON_TOOTH)
    if mouth.shows_inside:
        inside = in_mouth((mouth.upper + SEEN_SHARES * mouth.gap)[:, middle])
        lab = lab_of(inside)
        light_enough = luminance(inside) > SEEN_LIGHT * max(sclera_light, skin_light)
        pale = (np.hypot(lab[:, 1], lab[:, 2]) < SEEN_CHROMA) & light_enough
        teeth_seen = float(pale.mean())
        chroma, own_chroma = np.hypot(lab[:, 1], lab[:, 2]), float(np.hypot(*lip_color[1:]))
        dim = (chroma < DIM_CHROMA * own_chroma) & (lab[:, 0] > DIM_LIGHT * lip_color[0]) & (own_chroma > GRAY_LIP)
        shows_teeth = teeth_seen > LEAST_SEEN or float(dim.mean()) > LEAST_DIM
        if shows_teeth and teeth_seen <= LEAST_SEEN:  # their light is the shade's, but the colour is theirs
            own_teeth = np.median(inside[dim], 0)
            hue = own_teeth / max(float(luminance(own_teeth)), 1e-3)
            teeth = float(luminance(teeth)) * (DIM_HUE * hue + (1 - DIM_HUE) * teeth / float(luminance(teeth)))
        if teeth_seen > LEAST_SEEN:
            teeth = np.percentile(inside[pale], SEEN_PERCENTILE_OPEN if mouth.wide_open else SEEN_PERCENTILE, axis=0)
    return Palette(style, gray, lip, skin, sclera, teeth, mucosa, cavity, teeth_seen, shows_teeth, _blur(image, points))


def _illuminant(skin: NDArray, sclera: NDArray) -> NDArray:
    """Colour of the light, luminance 1: the eye white and the skin pulled to neutral, clamped."""
    white = sclera / max(float(luminance(sclera)), 1e-3)
    of_skin = np.clip(skin / max(skin[1], 1e-3) / NEUTRAL_SKIN, *SKIN_TINT)
    tint = OF_WHITE * white / max(white[1], 1e-3) + OF_NEUTRAL + OF_SKIN * of_skin
    tint = np.clip(tint / tint[1], COOLEST, WARMEST)
    return tint / luminance(tint)


def _sclera(image: NDArray[np.uint8], eyes: Sequence[EyeShape]) -> NDArray:
    """Median of the brightest quarter inside the eyes."""
    whites = []
    for eye in eyes:
        b = eye.upper + WHITE_SHARES * (eye.lower - eye.upper)
        pixels = to_linear(sample_nearest(image, *eye.frame.to_image(eye.a[None, :], b))).reshape(-1, 3)
        light = luminance(pixels)
        whites.append(pixels[light >= np.percentile(light, BRIGHTEST)])
    return np.median(np.concatenate(whites), 0)


def _iris_luminance(image: NDArray[np.uint8], eyes: Sequence[EyeShape]) -> float:
    """Luminance of the darker part in the middle of both eyes."""
    values = []
    for eye in eyes:
        b = (eye.upper + IRIS_SHARES * (eye.lower - eye.upper))[:, IRIS_COLUMNS]
        x, y = eye.frame.to_image(eye.a[None, IRIS_COLUMNS], b)
        values.append(luminance(to_linear(sample_nearest(image, x, y))).ravel())
    return float(np.percentile(np.concatenate(values), IRIS_DARKEST))


def _blur(image: NDArray[np.uint8], points: NDArray[np.floating]) -> float:
    """How soft the face is, as a sigma in px: the ratio of fine to coarse detail."""
    x0, y0 = np.maximum(np.asarray(points)[:, :2].min(0).astype(int), 0)
    x1, y1 = np.asarray(points)[:, :2].max(0).astype(int)
    face = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = (
        np.percentile(np.abs(cv2.Laplacian(cv2.GaussianBlur(face, (0, 0), sigma), cv2.CV_32F)), STRONGEST)
        for sigma in (FINE, COARSE)
    )
    return float(np.clip(BLUR_AT_NONE + BLUR_PER_SHARE * coarse / (fine + 1e-3), *BLUR_RANGE))
