"""What a closing lid has to cover in the picture: the eye's opening with its rims, and the lashes that hang on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .eyes import EyeShape

# All by eye, in IOD unless another unit is said.
RIM, RIM_WORN = 0.033, 0.05  # round the opening, and behind glasses, where no lash is followed farther
BEYOND_EYE = 1.3  # half widths from the eye's middle: a stroke that goes there is a frame
LASHES_ABOVE, LASHES_BELOW = 0.07, 0.09  # lashes reach so far from the opening
LASHES_UNDER_BROW = 0.45  # share of the way from brow to lid above which a stroke is brow
LASHES_OUT, LASHES_IN = 1.6, 1.12  # and half widths from the eye's middle, to the temple and to the nose
# half widths from the eye's middle, from where they come to reach as far as at the outer corner:
OUTER, OUTER_EASE = 0.6, 0.5
OUTER_ABOVE, OUTER_BELOW = 0.15, 0.05
ROUND = 4  # exponent of the ellipse into which that reach is rounded off
TIPS = 0.06  # round what is covered: strokes that end within belong to it
STROKES = 0.35  # opacity of a stroke from which it is a lash

# Lashes: black-hat of the picture over its lightness.
# widest lash and brow, and levels added to the lightness so that black skin is not all strokes
STROKE, BROW, STROKE_LIGHT = 0.05, 0.09, 20.0
STROKE_GAIN, STROKE_FLOOR = 5, 0.35  # of that share of darkness: 0 up to 7 %, 1 from 27 %


def lid_cover(image: NDArray[np.uint8], eye: EyeShape, a: NDArray, b: NDArray, iod: float) -> NDArray[np.bool_]:
    """The eye's opening with its rims, and the dark strokes that hang on them and end before brow, temple and nose."""
    upper, lower = eye.lids_at(a)
    between = grown(eye_opening(eye, a, b, 0, 1, 1.0), RIM * iod)
    out = across(eye, a) * eye.outward
    beyond = smoothstep((out - OUTER) / OUTER_EASE)
    above = np.maximum(LASHES_ABOVE * iod + (OUTER_ABOVE - LASHES_ABOVE) * iod * beyond, eye.skip)
    below = LASHES_BELOW * iod + (OUTER_BELOW - LASHES_BELOW) * iod * beyond
    # An ellipse, not a box: dark sockets are strokes throughout, and where they were cut off upright the lid stood in them like a box.
    round_off = np.sqrt(np.clip(1 - (out / np.where(out > 0, LASHES_OUT, LASHES_IN)) ** ROUND, 0, 1))
    reach = (b > upper - above * round_off) & (b < lower + below * round_off) & (round_off > 0)
    reach &= b > eye.brow + LASHES_UNDER_BROW * (upper - eye.brow)
    dark = dark_strokes(image, iod) > STROKES
    _, parts = cv2.connectedComponents(((dark & reach) | between).astype(np.uint8))
    if not between.any():
        return between
    covered = parts == np.bincount(parts[between]).argmax()
    # Tips of lashes that end a little farther out; what runs on is hair, brow or a frame.
    around = grown(covered, TIPS * iod) & (b > eye.brow + LASHES_UNDER_BROW * (upper - eye.brow))
    _, parts = cv2.connectedComponents((dark & ~covered).astype(np.uint8))
    whole, inside = (np.bincount(parts[m], minlength=parts.max() + 1) for m in (parts > 0, around))
    return covered | ((inside == whole) & (whole > 0))[parts]


def cover_between_rims(
    image: NDArray[np.uint8], eye: EyeShape, a: NDArray, b: NDArray, iod: float
) -> NDArray[np.bool_]:
    """The eye's opening and its rims behind glasses, without the dark strokes that run on beyond the eye: those are the frame."""
    between = eye_opening(eye, a, b, 0, 1, 1.0)
    dark = (dark_strokes(image, iod) > STROKES) & ~between
    _, parts = cv2.connectedComponents(dark.astype(np.uint8))
    frame = np.isin(parts, np.unique(parts[dark & (np.abs(across(eye, a)) > BEYOND_EYE)])) & dark
    return between | (grown(between, RIM_WORN * iod) & ~frame)


def eye_opening(eye: EyeShape, a: NDArray, b: NDArray, above: float, below: float, beside: float) -> NDArray[np.bool_]:
    """Between the lids, with so much (px) above and below; beside: half widths of the eye from its middle."""
    upper, lower = eye.lids_at(a)
    return (b > upper - above) & (b < lower + below) & (np.abs(across(eye, a)) < beside)


def across(eye: EyeShape, a: NDArray) -> NDArray:
    """-1 and 1 at the eye's ends, along its a."""
    return (a - eye.a.mean()) / (eye.width / 2)


def grown(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """The mask with all that is nearer to it than `radius` px."""
    size = 2 * round(radius) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))).astype(bool)


def dark_strokes(image: NDArray[np.uint8], iod: float, widest: float = STROKE) -> NDArray[np.float32]:
    """Opacity, 0 to 1, of thin dark strokes, by black-hat filtering."""
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    size = int(widest * iod) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    strokes = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, kernel).astype(np.float32) / (gray + STROKE_LIGHT)
    return np.clip(STROKE_GAIN * strokes - STROKE_FLOOR, 0, 1)
