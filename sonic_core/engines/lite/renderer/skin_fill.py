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
        own = np.abs(a) < 0.56 * iod
        hidden = worn.in_front[area] > 0 if worn is not None else np.zeros(a.shape, bool)
        fill[area] = np.where(own[..., None], _filled(image[area], eye, a, b, hidden, iod, skin_lab), fill[area])
        lashes[area] = np.maximum(lashes[area], np.where(own, _lash_strokes(image[area], iod), 0))
        streaked[area] = cv2.GaussianBlur(image[area], (0, 0), sigmaX=0.06 * iod, sigmaY=0.008 * iod + 0.3)
        masks.append(_cartoon_mask(eye, box, image.shape, iod) if eye.cartoon else None)
    return LidSkin(fill, streaked, lashes, (masks[0], masks[1]))


def _socket(eye: EyeShape, iod: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    x0, y0 = np.maximum((eye.frame.origin - 0.95 * iod).astype(int), 0)
    x1, y1 = np.minimum((eye.frame.origin + 0.95 * iod).astype(int), [shape[1], shape[0]])
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
    lab = to_lab(image, blur=0.012 * iod + 0.3)
    upper, lower = eye.lids_at(a)
    across = np.abs(a - eye.a.mean()) / (eye.width / 2)
    inside = (b > upper - eye.skip - 0.02 * iod) & (b < lower + 0.06 * iod) & (across < 1.15)
    inside |= hidden
    brow_gap = eye.brow + 0.3 * (eye.upper.min() - eye.brow)
    ring = ~inside & (across < 1.6) & (b > brow_gap) & (b < lower + 0.45 * iod)
    reference = np.median(lab[ring], 0) if ring.sum() > 20 else skin_lab
    # A shadow in the socket is skin as well: a lid filled from the lit skin alone would stand in it like a box.
    # Behind glasses what is dark and near is a rim.
    worn = hidden.any()
    of_light, tolerance, nearest = (0.5, 14, 0.0) if worn else (0.3, 16, 1.0)
    distance = np.sqrt((((lab - reference) * [of_light, 1, 1]) ** 2).sum(2))
    weight = (np.exp(-((distance / tolerance) ** 2)) * ~inside + 1e-5).astype(np.float32)
    weighted = image.astype(np.float32) * weight[..., None]
    total: Any = 0.0
    mass: Any = 0.0
    for sigma, share in ((0.045, nearest), (0.10, 0.35), (0.20, 0.05), (0.45, 0.004)):
        total = total + share * cv2.GaussianBlur(weighted, (0, 0), sigma * iod)
        mass = mass + share * cv2.GaussianBlur(weight, (0, 0), sigma * iod)
    filled = total / mass[..., None] + 0.5
    if eye.cartoon:
        return np.clip(filled, 0, 255).astype(np.uint8)
    # Bare fill is too smooth for skin: borrow the fine texture of the cheek below.
    finest = 4 if worn else 14  # behind glasses the cheek shows the edge of their lower rim
    fine = np.clip(image - cv2.GaussianBlur(image, (0, 0), 0.025 * iod + 0.5).astype(np.float32), -finest, finest)
    down = np.rint(0.62 * iod * eye.frame.down).astype(int)
    shift = np.array([[1.0, 0, -down[0]], [0, 1.0, -down[1]]])
    size = (image.shape[1], image.shape[0])
    texture = cv2.warpAffine(fine, shift, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return np.clip(filled + texture, 0, 255).astype(np.uint8)


def _lash_strokes(image: NDArray[np.uint8], iod: float) -> NDArray[np.uint8]:
    """Thin dark strokes by black-hat filtering."""
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    size = int(0.05 * iod) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    strokes = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, kernel).astype(np.float32) / (gray + 20.0)
    strokes = cv2.dilate(np.clip(5 * strokes - 0.35, 0, 1).astype(np.float32), np.ones((3, 3)))
    return (255 * cv2.GaussianBlur(strokes, (0, 0), 0.8 + 0.006 * iod)).astype(np.uint8)


def _cartoon_mask(
    eye: EyeShape, box: tuple[int, int, int, int], shape: tuple[int, ...], iod: float
) -> NDArray[np.uint8]:
    """Soft mask of the whole drawn eye with its lashes."""
    x0, y0, x1, y1 = box
    assert eye.cartoon is not None  # asked by the caller
    outline = np.stack(eye.frame.to_image(*eye.cartoon.outline.T), 1) - [x0, y0]
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, shift=4)
    size = int(0.05 * iod) * 2 + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    full = np.zeros(shape[:2], np.uint8)
    full[y0:y1, x0:x1] = cv2.GaussianBlur(mask, (0, 0), 0.012 * iod + 0.5)
    return full
