"""Pictures that blinking needs: the eye sockets as bare skin, where lashes are, and the outline of cartoon eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .eyes import EyeShape
from .linear_light import to_lab
from .spectacles import Spectacles

# All by eye, in IOD unless another unit is said; levels are of 255, distances Lab.
SOCKET, OWN = 0.95, 0.56  # from the eye's middle: what is looked at, and what no other eye claims
STREAK_ALONG, STREAK_ACROSS, LEAST_STREAK = 0.06, 0.008, 0.3  # sigma; px

# Bare skin in place of the eye, from pixels round it that look like skin.
LAB_BLUR, LEAST_LAB_BLUR = 0.012, 0.3  # sigma; px
# what is replaced: above clean lid skin, below the lower lid, half widths of the eye
ABOVE, BELOW, BESIDE = 0.02, 0.06, 1.15
# what tells the skin's colour: share of the way from brow to lid, then as above
RING_BELOW_BROW, RING_BELOW, RING_BESIDE = 0.3, 0.45, 1.6
LEAST_RING = 20  # px with which that colour is trusted
FLOOR = 1e-5  # weight of what is no skin at all
FINEST, FINEST_BLUR, LEAST_FINEST_BLUR = 14, 0.025, 0.5  # skin's fine texture: most, levels; sigma; px
FINEST_WORN = 4  # behind glasses the cheek shows the edge of their lower rim
CHEEK_BELOW = 0.62  # below the eye the texture is borrowed


@dataclass(frozen=True)
class _Likeness:
    """light: share of L in the distance from the skin's colour.  tolerance: distance at which a pixel counts 1/e.

    fills: Gaussians (sigma in IOD, weight) that carry the pixels' colours into the eye; the wider, the less they count.
    """

    light: float
    tolerance: float
    fills: tuple[tuple[float, float], ...]


# A shadow in the socket is skin as well: a lid filled from the lit skin alone would stand in it like a box.
BARE = _Likeness(0.3, 16, ((0.045, 1.0), (0.10, 0.35), (0.20, 0.05), (0.45, 0.004)))
# Behind glasses what is dark and near is a rim.
WORN = _Likeness(0.5, 14, ((0.045, 0.0), (0.10, 0.35), (0.20, 0.05), (0.45, 0.004)))

# Lashes: black-hat of the picture over its lightness.
# widest stroke, and levels added to the lightness so that black skin is not all strokes
STROKE, STROKE_LIGHT = 0.05, 20.0
STROKE_GAIN, STROKE_FLOOR = 5, 0.35  # of that share of darkness: 0 up to 7 %, 1 from 27 %
STROKE_BLUR, LEAST_STROKE_BLUR = 0.006, 0.8  # sigma; px

OUTLINE, OUTLINE_BLUR, LEAST_OUTLINE_BLUR = 0.05, 0.012, 0.5  # a drawn eye's mask: grown by, soft edge; px


@dataclass(frozen=True)
class LidSkin:
    """fill: RGB uint8, the picture with bare skin in place of the eyes.  streaked: RGB uint8, blurred along the lids.

    lashes: uint8 [H, W], where thin dark strokes are.  cartoon: per eye a uint8 [H, W] mask of the drawn eye, or None.
    """

    fill: NDArray[np.uint8]
    streaked: NDArray[np.uint8]
    lashes: NDArray[np.uint8]
    cartoon: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]


def lid_skin(
    image: NDArray[np.uint8],
    eyes: Sequence[EyeShape],
    glasses: Sequence[Spectacles | None],
    iod: float,
    skin_lab: NDArray[np.float32],
) -> LidSkin:
    fill, streaked, lashes = image.copy(), image.copy(), np.zeros(image.shape[:2], np.uint8)
    masks = []
    for eye, worn in zip(eyes, glasses, strict=True):
        x0, y0, x1, y1 = box = _socket(eye, iod, image.shape)
        area = np.s_[y0:y1, x0:x1]
        x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        a, b = eye.frame.to_local(x, y)
        own = np.abs(a) < OWN * iod
        hidden = worn.in_front[area] > 0 if worn is not None else np.zeros(a.shape, bool)
        fill[area] = np.where(own[..., None], _filled(image[area], eye, a, b, hidden, iod, skin_lab), fill[area])
        lashes[area] = np.maximum(lashes[area], np.where(own, _lash_strokes(image[area], iod), 0))
        streaked[area] = cv2.GaussianBlur(
            image[area], (0, 0), sigmaX=STREAK_ALONG * iod, sigmaY=STREAK_ACROSS * iod + LEAST_STREAK
        )
        masks.append(_cartoon_mask(eye, box, image.shape, iod) if eye.cartoon else None)
    return LidSkin(fill, streaked, lashes, (masks[0], masks[1]))


def _socket(eye: EyeShape, iod: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    x0, y0 = np.maximum((eye.frame.origin - SOCKET * iod).astype(int), 0)
    x1, y1 = np.minimum((eye.frame.origin + SOCKET * iod).astype(int), [shape[1], shape[0]])
    return int(x0), int(y0), int(x1), int(y1)


def _filled(
    image: NDArray[np.uint8],
    eye: EyeShape,
    a: NDArray,
    b: NDArray,
    hidden: NDArray[np.bool_],
    iod: float,
    skin_lab: NDArray,
) -> NDArray[np.uint8]:
    """Normalised convolution, at four widths, of the pixels that look like the skin round the eye.  hidden: behind glasses."""
    lab = to_lab(image, blur=LAB_BLUR * iod + LEAST_LAB_BLUR)
    upper, lower = eye.lids_at(a)
    across = np.abs(a - eye.a.mean()) / (eye.width / 2)
    inside = (b > upper - eye.skip - ABOVE * iod) & (b < lower + BELOW * iod) & (across < BESIDE)
    inside |= hidden
    brow_gap = eye.brow + RING_BELOW_BROW * (eye.upper.min() - eye.brow)
    ring = ~inside & (across < RING_BESIDE) & (b > brow_gap) & (b < lower + RING_BELOW * iod)
    reference = np.median(lab[ring], 0) if ring.sum() > LEAST_RING else skin_lab
    like = WORN if hidden.any() else BARE
    distance = np.sqrt((((lab - reference) * [like.light, 1, 1]) ** 2).sum(2))
    weight = (np.exp(-((distance / like.tolerance) ** 2)) * ~inside + FLOOR).astype(np.float32)
    weighted = image.astype(np.float32) * weight[..., None]
    total: Any = 0.0
    mass: Any = 0.0
    for sigma, share in like.fills:
        total = total + share * cv2.GaussianBlur(weighted, (0, 0), sigma * iod)
        mass = mass + share * cv2.GaussianBlur(weight, (0, 0), sigma * iod)
    filled = total / mass[..., None] + 0.5
    if eye.cartoon:
        return np.clip(filled, 0, 255).astype(np.uint8)
    # Bare fill is too smooth for skin: borrow the fine texture of the cheek below.
    finest = FINEST_WORN if hidden.any() else FINEST
    coarse = cv2.GaussianBlur(image, (0, 0), FINEST_BLUR * iod + LEAST_FINEST_BLUR).astype(np.float32)
    fine = np.clip(image - coarse, -finest, finest)
    down = np.rint(CHEEK_BELOW * iod * eye.frame.down).astype(int)
    shift = np.array([[1.0, 0, -down[0]], [0, 1.0, -down[1]]])
    size = (image.shape[1], image.shape[0])
    texture = cv2.warpAffine(fine, shift, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return np.clip(filled + texture, 0, 255).astype(np.uint8)


def _lash_strokes(image: NDArray[np.uint8], iod: float) -> NDArray[np.uint8]:
    """Thin dark strokes by black-hat filtering."""
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    size = int(STROKE * iod) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    strokes = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, kernel).astype(np.float32) / (gray + STROKE_LIGHT)
    strokes = cv2.dilate(np.clip(STROKE_GAIN * strokes - STROKE_FLOOR, 0, 1).astype(np.float32), np.ones((3, 3)))
    return (255 * cv2.GaussianBlur(strokes, (0, 0), LEAST_STROKE_BLUR + STROKE_BLUR * iod)).astype(np.uint8)


def _cartoon_mask(
    eye: EyeShape, box: tuple[int, int, int, int], shape: tuple[int, ...], iod: float
) -> NDArray[np.uint8]:
    """Soft mask of the whole drawn eye with its lashes."""
    x0, y0, x1, y1 = box
    assert eye.cartoon is not None  # asked by the caller
    outline = np.stack(eye.frame.to_image(*eye.cartoon.outline.T), 1) - [x0, y0]
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, shift=4)
    size = int(OUTLINE * iod) * 2 + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    full = np.zeros(shape[:2], np.uint8)
    full[y0:y1, x0:x1] = cv2.GaussianBlur(mask, (0, 0), OUTLINE_BLUR * iod + LEAST_OUTLINE_BLUR)
    return full
