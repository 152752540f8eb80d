"""Pictures that blinking needs: the eyes closed under bare skin, and the outline of cartoon eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from ....lab import srgb_of_lab
from .eyes import EyeShape
from .geometry import remap
from .lid_cover import BROW, across, cover_between_rims, dark_strokes, eye_opening, grown, lid_cover
from .linear_light import to_lab
from .membrane import membrane, spread
from .spectacles import Spectacles

# All by eye, in IOD unless another unit is said; levels are of 255, distances Lab.
SOCKET, OWN = 0.95, 0.56  # from the eye's middle: what is looked at, and what no other eye claims

COVER_MARGIN, COVER_BLUR, LEAST_COVER_BLUR = 0.014, 0.014, 0.6  # grown by; soft edge, sigma; px
EDGE_REACH = 1.5  # sigmas of that edge beyond which nothing of the lid shows

BORDER, BORDER_HOLD = 0.03, 0.3  # beside what is covered: width, and how much it holds the skin drawn there at least
# share of that hold which a brow loses: it must not darken the lid, nor end above it as on a light box
BROW_FREE = 0.88
DARKEST, DARKEST_EASE = 0.25, 0.2  # of the skin's lightness, from which it is shadow and neither brow nor background
# Shading has the hue of the skin that lies in it: brows, whites and what was averaged from both are grey.
HUE_BESIDE = 0.3  # beside what is covered: where it is looked up
LEVELS = 13  # of lightness, from 0 to 100, that are told apart
HUE_TOLERANCE = 12.0  # from the skin's own, at which a pixel counts 1/e: hair, paint and background lend none
HUE_EASE = 4.0  # of chroma, over which it comes in
HUE_TRUST, HUE_FEW = 0.3, 30.0  # least trust of a pixel; as many pixels as the fallback counts

# Bare skin in place of what is covered, from pixels round it that look like skin.
LAB_BLUR, LEAST_LAB_BLUR = 0.012, 0.3  # sigma; px
# what is replaced in a drawing: above clean lid skin, below the lower lid, half widths of the eye
ABOVE, BELOW, BESIDE = 0.02, 0.06, 1.15
# what tells the skin's colour: share of the way from brow to lid, then as above
RING_BELOW_BROW, RING_BELOW, RING_BESIDE = 0.3, 0.45, 1.6
LEAST_RING = 20  # px with which that colour is trusted
FLOOR, SKIN = 1e-5, 0.5  # weight of what is no skin at all, and of what is
FINEST_BLUR, LEAST_FINEST_BLUR = 0.025, 0.5  # skin's fine texture: sigma; px
TEXTURE_FROM, TEXTURE_BESIDE = 0.02, 0.12  # beside what is covered: where its strength is read
PEAKS = 3  # of that strength: more is an edge and no texture
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

OUTLINE, OUTLINE_BLUR, LEAST_OUTLINE_BLUR = 0.05, 0.012, 0.5  # a drawn eye's mask: grown by, soft edge; px


@dataclass(frozen=True)
class LidSkin:
    """closed: RGB uint8, the picture with skin over the eyes, without a step where that ends; of flat drawings bare skin all round.

    cartoon: per eye a uint8 [H, W] mask of the drawn eye, or None.  window: uint8 [H, W], where a lid behind glasses shows; None
    without glasses.
    """

    closed: NDArray[np.uint8]
    window: NDArray[np.uint8] | None
    cartoon: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]


def lid_skin(
    image: NDArray[np.uint8],
    eyes: Sequence[EyeShape],
    glasses: Sequence[Spectacles | None],
    wears_glasses: bool,
    iod: float,
    skin_lab: NDArray[np.float32],
) -> LidSkin:
    masks: list[NDArray[np.uint8] | None] = []
    closed, window = image.copy(), np.zeros(image.shape[:2], np.uint8)
    for eye, worn in zip(eyes, glasses, strict=True):
        x0, y0, x1, y1 = box = _socket(eye, iod, image.shape)
        area = np.s_[y0:y1, x0:x1]
        x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
        a, b = eye.frame.to_local(x, y)
        own = np.abs(a) < OWN * iod
        hidden = worn.in_front[area] > 0 if worn is not None else np.zeros(a.shape, bool)
        if eye.cartoon:
            covered = eye_opening(eye, a, b, eye.skip + ABOVE * iod, BELOW * iod, BESIDE)
            lab = to_lab(image[area], blur=LAB_BLUR * iod + LEAST_LAB_BLUR)
            filled = _bare_skin(image[area], lab, eye, a, b, covered, hidden, iod, skin_lab)[0]
            masks.append(_cartoon_mask(eye, box, image.shape, iod))
        else:
            covered = own & (cover_between_rims if wears_glasses else lid_cover)(image[area], eye, a, b, iod)
            filled = _closed(image[area], eye, a, b, covered, hidden, iod, skin_lab)
            window[area] = np.maximum(window[area], np.where(own, 255 * _soft(covered, iod), 0))
            masks.append(None)
        closed[area] = np.where(own[..., None], np.clip(filled + 0.5, 0, 255).astype(np.uint8), closed[area])
    return LidSkin(closed, window if wears_glasses else None, (masks[0], masks[1]))


def _socket(eye: EyeShape, iod: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    x0, y0 = np.maximum((eye.frame.origin - SOCKET * iod).astype(int), 0)
    x1, y1 = np.minimum((eye.frame.origin + SOCKET * iod).astype(int), [shape[1], shape[0]])
    return int(x0), int(y0), int(x1), int(y1)


def _soft(covered: NDArray[np.bool_], iod: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(
        grown(covered, COVER_MARGIN * iod + 1).astype(np.float32), (0, 0), COVER_BLUR * iod + LEAST_COVER_BLUR
    )


def _closed(
    image: NDArray[np.uint8],
    eye: EyeShape,
    a: NDArray,
    b: NDArray,
    covered: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    iod: float,
    skin_lab: NDArray,
) -> NDArray[np.float32]:
    """The picture with skin over what a lid covers: a membrane held by the skin round it."""
    hole = grown(covered, COVER_MARGIN * iod + 1 + EDGE_REACH * (COVER_BLUR * iod + LEAST_COVER_BLUR))
    lab = to_lab(image, blur=LAB_BLUR * iod + LEAST_LAB_BLUR)
    bare, weight = _bare_skin(image, lab, eye, a, b, hole, hidden, iod, skin_lab)
    # What borders on the lid holds it, skin or shadow; brows, rims of glasses and a dark background do not.
    border = grown(hole, BORDER * iod + 1) & ~hole & ~hidden
    skin = weight > SKIN
    lightness = lab[..., 0]
    known = float(np.median(lightness[skin])) if skin.any() else float(skin_lab[0])
    shadow = smoothstep((lightness / max(known, 1.0) - DARKEST) / DARKEST_EASE)
    brow = cv2.dilate(dark_strokes(image, iod, BROW), np.ones((3, 3), np.uint8))
    held = (np.maximum(weight, BORDER_HOLD * border * shadow) * (1 - BROW_FREE * brow) + FLOOR).astype(np.float32)
    smooth = membrane(image.astype(np.float32), held, bare, iod)
    beside = grown(hole, HUE_BESIDE * iod) & ~hole & ~hidden
    middle = np.median(lab[beside & skin], 0) if (beside & skin).sum() > LEAST_RING else skin_lab
    foreign = np.square((lab - middle)[..., 1:]).sum(2) / HUE_TOLERANCE**2
    smooth = _hued(smooth, lab, beside * shadow * (1 - brow) * np.exp(-foreign), bare)
    lid = smooth + _texture(image, eye, iod, weight, hole)
    return image + (lid - image) * _soft(covered, iod)[..., None]


def _hued(
    smooth: NDArray[np.float32], lab: NDArray[np.float32], trust: NDArray[np.float32], fallback: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`smooth` in its own lightness and the hue that the skin round it has where it is as light, if that is the richer one.

    lab: [h, w, 3] of the picture, trust: [h, w] how much each of its pixels is skin; fallback: [h, w, 3] RGB where none is as light.
    """
    levels, apart = np.linspace(0, 100, LEVELS, dtype=np.float32), np.float32(100 / (LEVELS - 1))
    near = trust > HUE_TRUST
    like = trust[near] * np.exp(-(((lab[near][:, 0] - levels[:, None]) / apart) ** 2))
    target, other = to_lab(np.clip(smooth, 0, 255)), to_lab(np.clip(fallback, 0, 255))
    hue, mass = like @ lab[near][:, 1:], like.sum(1)
    at = np.dstack([target[..., 0] / apart, np.zeros_like(target[..., 0])])
    hue_mass = remap(np.c_[hue, mass][None].astype(np.float32), at)
    few = np.float32(HUE_FEW)
    skin = (hue_mass[..., :2] + few * other[..., 1:]) / (hue_mass[..., 2:] + few)
    richer = smoothstep((np.linalg.norm(skin, axis=2) - np.linalg.norm(target[..., 1:], axis=2)) / HUE_EASE)
    target[..., 1:] += (skin - target[..., 1:]) * richer[..., None]
    return srgb_of_lab(target) * np.float32(255)


def _bare_skin(
    image: NDArray[np.uint8],
    lab: NDArray[np.float32],
    eye: EyeShape,
    a: NDArray,
    b: NDArray,
    covered: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    iod: float,
    skin_lab: NDArray,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Normalised convolution, at four widths, of the pixels that look like the skin round the eye, and how much each does.

    lab: of the image, a little blurred.  hidden: behind glasses.
    """
    side = np.abs(across(eye, a))
    unseen = covered | hidden
    brow_gap = eye.brow + RING_BELOW_BROW * (eye.upper.min() - eye.brow)
    ring = ~unseen & (side < RING_BESIDE) & (b > brow_gap) & (b < eye.lids_at(a)[1] + RING_BELOW * iod)
    reference = np.median(lab[ring], 0) if ring.sum() > LEAST_RING else skin_lab
    like = WORN if hidden.any() else BARE
    distance = np.sqrt((((lab - reference) * [like.light, 1, 1]) ** 2).sum(2))
    weight = (np.exp(-((distance / like.tolerance) ** 2)) * ~unseen + FLOOR).astype(np.float32)
    return spread(image.astype(np.float32), weight, like.fills, iod), weight


def _texture(
    image: NDArray[np.uint8], eye: EyeShape, iod: float, weight: NDArray[np.float32], hole: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The fine texture of the cheek below, as strong as that of the skin beside the eye at most."""
    coarse = cv2.GaussianBlur(image, (0, 0), FINEST_BLUR * iod + LEAST_FINEST_BLUR).astype(np.float32)
    fine = image - coarse
    beside = grown(hole, TEXTURE_BESIDE * iod) & ~grown(hole, TEXTURE_FROM * iod) & (weight > SKIN)
    own = float(np.median(np.abs(fine[beside]))) if beside.sum() > LEAST_RING else 0.0
    most = PEAKS * own
    kept = cv2.erode((weight > SKIN).astype(np.float32), np.ones((2 * int(TEXTURE_FROM * iod) + 1,) * 2))
    fine = np.clip(fine, -most, most) * cv2.GaussianBlur(kept, (0, 0), TEXTURE_FROM * iod + 0.5)[..., None]
    down = np.rint(CHEEK_BELOW * iod * eye.frame.down).astype(int)
    shift = np.array([[1.0, 0, -down[0]], [0, 1.0, -down[1]]])
    size = (image.shape[1], image.shape[0])
    borrowed = cv2.warpAffine(fine, shift, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    strength = float(np.median(np.abs(borrowed[hole]))) if hole.any() else 0.0
    return borrowed * np.float32(min(own / max(strength, 0.5), 1))


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
