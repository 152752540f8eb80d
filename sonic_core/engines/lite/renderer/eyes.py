"""EyeShape: an eye's own coordinates, its lid curves, lashes and brow, measured in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path, smoothstep
from . import landmarks as lm
from .cartoon_eyes import CartoonEye, find_cartoon_eye
from .geometry import clipped_box, sample_linear, sample_nearest, smooth_curve
from .head import HeadFrame
from .linear_light import luminance, to_lab, to_linear
from .local_frame import LocalFrame

# All by eye.  Lid curves: the mesh's, corrected by the iris model and by the picture.
SAMPLES = 81  # along each lid
REACH = 1.0  # IOD round the lids in which the picture is looked at; `cartoon_eyes.RADII` end before
BLUR, LEAST_BLUR = 0.008, 0.45  # sigma, IOD and px: pores and grain are no edge
LOWER_LID_SHARES = 0.7, 0.3  # of the iris model's and the mesh's lower lid where the model's lies lower
# IOD: how far the upper lid is looked for from the mesh's, and how far it usually is
LID_SEARCH, LID_PRIOR = 0.12, 0.035
CORNER_EASE = 0.2  # half widths over which the correction fades to the corners
LID_SMOOTHING = 4.0  # samples, sigma
WIDEST = 1.4  # of the mesh's width; a drawn eye is wider by the root of what it is higher
USUAL_LASH = 0.035  # IOD; height of the lash band

# Lashes: what is dark above the lid, up to clean skin.
SEARCH_TOP = 0.2  # share of the way from the brow to the lid where the search ends
CLEAN_SKIN = 0.80  # of the skin's luminance; brighter is clean skin
USUAL_SKIP, SKIP_MARGIN, LEAST_SKIP = 0.05, 0.008, 0.02  # IOD above the lid: where none is clean, added, at least
MOST_SKIP, MOST_SKIP_UNSEEN = 0.6, 0.03  # of the way to the search's top; IOD where the brow lies on the lid
CARTOON_MARGIN = 0.02  # IOD above a drawn outline
LASH_BAND = np.linspace(-0.02, 0.03, 6)[:, None]  # IOD above the lid where lash colour is read
LASH_DARKEST = 25  # percentile of luminance up to which the band is lash
# opacity = contrast minus the lash's share of the skin's luminance, clamped
LASH_CONTRAST, LASH_STRENGTH = 1.10, (0.25, 0.84)
LASH_DARKER = 0.8  # of the colour read, which is blurred with skin


@dataclass(frozen=True)
class EyeShape:
    """One eye.  a: [SAMPLES] px.  upper, lower: [SAMPLES] b of the lid edges.

    outward: -1 / +1, direction of the temple along a.  brow: b of the brow's lower edge.  lash: height of the lash band above the
    upper lid, px.  skip: height above the lid where clean lid skin begins, px.  lash_color: linear RGB.
    lash_strength: opacity 0-1 of a drawn lash line.  cartoon: the segmented eye when it is drawn far larger than a human one, and flat.
    """

    frame: LocalFrame
    a: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    outward: int
    brow: float
    lash: float
    skip: float
    lash_color: NDArray[np.float32]
    lash_strength: float
    cartoon: CartoonEye | None

    @property
    def height(self) -> float:
        return float((self.lower - self.upper).max())

    @property
    def width(self) -> float:
        return float(self.a[-1] - self.a[0])

    def lids_at(self, a: NDArray) -> tuple[NDArray, NDArray]:
        """b of the upper and lower lid at positions a."""
        return np.interp(a, self.a, self.upper), np.interp(a, self.a, self.lower)


def eye_shapes(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    contours: NDArray[np.floating],
    head: HeadFrame,
    skin_lab: NDArray[np.float32],
) -> tuple[EyeShape, EyeShape]:
    """Both eyes, the subject's right one first.  contours: [2, 71, 2] of the iris model.  skin_lab: Lab of the face's skin."""
    p = np.asarray(points, float)
    lab = _lab_round_eyes(image, p, head.iod)
    for may_be_cartoon in (True, False):  # both eyes of a face are drawn in one manner
        first, second = (_eye_shape(image, lab, p, contours[k], k, head, skin_lab, may_be_cartoon) for k in (0, 1))
        if _manner(first) == _manner(second):
            break
    right, left = (replace(eye, cartoon=None) if _manner(eye) == "shaded" else eye for eye in (first, second))
    return right, left


def _lab_round_eyes(image: NDArray[np.uint8], p: NDArray, iod: float) -> NDArray[np.float32]:
    """[H, W, 3] Lab within REACH of the lids; what lies farther is not looked at and is black."""
    lids = p[[index for side in (0, 1) for index in lm.UPPER_LID[side] + lm.LOWER_LID[side]], :2]
    x0, y0, x1, y1 = clipped_box(lids, REACH * iod, image.shape[1], image.shape[0])
    lab = np.zeros(image.shape, np.float32)
    if x0 < x1 and y0 < y1:
        lab[y0:y1, x0:x1] = to_lab(image[y0:y1, x0:x1], blur=max(BLUR * iod, LEAST_BLUR))
    return lab


def _manner(eye: EyeShape) -> str:
    if eye.cartoon is None:
        return "human"
    return "shaded" if eye.cartoon.shaded else "flat"


def _eye_shape(
    image: NDArray[np.uint8],
    lab: NDArray[np.float32],
    p: NDArray,
    contour: NDArray,
    side: int,
    head: HeadFrame,
    skin_lab: NDArray,
    may_be_cartoon: bool,
) -> EyeShape:
    iod = head.iod
    upper_points, lower_points = p[list(lm.UPPER_LID[side]), :2], p[list(lm.LOWER_LID[side]), :2]
    span = upper_points[-1] - upper_points[0]
    width = float(np.linalg.norm(span))
    along = span / width
    down = np.array([-along[1], along[0]])
    if down @ head.down[:2] < 0:
        down = -down
    frame = LocalFrame((upper_points[0] + upper_points[-1]) / 2, along, down)
    upper_mesh = np.stack(frame.to_local(*upper_points.T), 1)
    lower_mesh = np.stack(frame.to_local(*lower_points.T), 1)
    a = np.linspace(-width / 2, width / 2, SAMPLES)
    upper = np.interp(a, upper_mesh[:, 0], upper_mesh[:, 1])
    lower = np.interp(a, lower_mesh[:, 0], lower_mesh[:, 1])
    of_model, of_mesh = LOWER_LID_SHARES
    lower = np.maximum(lower, of_model * _iris_model_lower_lid(frame, contour, a, width) + of_mesh * lower)

    cartoon = None
    if may_be_cartoon:
        mesh_height = (lower - upper).max()
        cartoon = find_cartoon_eye(lab, frame, upper_mesh, lower_mesh, mesh_height, width, iod, skin_lab, SAMPLES)
    if cartoon is not None and cartoon.shaded:
        # Its white may be lit as the skin is, so that the outline is sure above and below the iris alone.
        height = (lower - upper).max()
        upper = _stretched(upper, float(cartoon.top.min() + cartoon.lash))
        lower = _stretched(lower, float(cartoon.bottom.max()))
        a = a * min(np.sqrt((lower - upper).max() / max(height, 1e-3)), WIDEST)
        lash = USUAL_LASH * iod
    elif cartoon is not None:
        a, upper = cartoon.a, cartoon.top + cartoon.lash
        lower = np.maximum(cartoon.bottom, upper + 1)
        lash = cartoon.lash
    else:
        upper = upper + _upper_lid_correction(lab, frame, a, upper, iod)
        lash = USUAL_LASH * iod
    lower = np.maximum(lower, upper)
    brow_points = p[list(lm.BROW_LOWER_EDGE[side]), :2]
    brow = float(frame.to_local(*brow_points.T)[1].mean())
    flat = cartoon is not None and not cartoon.shaded
    lash, skip, color, strength = _lashes(image, frame, a, upper, brow, lash, flat, iod)
    return EyeShape(frame, a, upper, lower, (-1, 1)[side], brow, lash, skip, color, strength, cartoon)


def _stretched(lid: NDArray, furthest: float) -> NDArray:
    """A lid curve [SAMPLES] drawn out from the line of the eye's corners, so that it reaches b `furthest`."""
    reach = float(lid[np.argmax(np.abs(lid))])
    return lid * max(furthest / reach, 1.0) if reach * furthest > 0 else lid


def _iris_model_lower_lid(frame: LocalFrame, contour: NDArray, a: NDArray, width: float) -> NDArray:
    """Lower lid by the iris model's eye contour: the better one wherever it lies lower than the mesh's."""
    ring = np.stack(frame.to_local(*np.asarray(contour[:16, :2], float).T), 1)
    half = ring[1:8] if ring[1:8, 1].mean() > ring[9:, 1].mean() else ring[9:]
    lower = np.r_[[[-width / 2, 0]], half[np.argsort(half[:, 0])], [[width / 2, 0]]]
    return np.interp(a, lower[:, 0], lower[:, 1])


def _upper_lid_correction(
    lab: NDArray[np.float32], frame: LocalFrame, a: NDArray, upper: NDArray, iod: float
) -> NDArray[np.float64]:
    """Shift [SAMPLES] that puts the mesh's upper lid on the strongest bright-to-dark step nearby."""
    offsets = np.arange(-LID_SEARCH * iod, LID_SEARCH * iod, 0.5)
    x, y = frame.to_image(a[None, :], offsets[:, None] + upper[None, :])
    step = cv2.Sobel(sample_linear(lab, x, y)[..., 0], cv2.CV_32F, 0, 1, ksize=5)
    cost = 0.5 * step / (np.std(step) + 1e-3) + 0.5 * (offsets[:, None] / (LID_PRIOR * iod)) ** 2
    inner = smoothstep((1 - np.abs(np.linspace(-1, 1, len(a)))) / CORNER_EASE)
    return smooth_curve(offsets[cheapest_path(cost)], LID_SMOOTHING) * inner


def _lashes(
    image: NDArray[np.uint8],
    frame: LocalFrame,
    a: NDArray,
    upper: NDArray,
    brow: float,
    lash: float,
    flat: bool,
    iod: float,
) -> tuple[float, float, NDArray[np.float32], float]:
    """Lash band height, height where clean lid skin begins, lash colour (linear) and strength.  flat: of a flat drawing."""
    keep = slice(len(a) // 6, -(len(a) // 6))
    lid = upper[keep]

    def sample(b: NDArray) -> NDArray[np.float32]:
        return to_linear(sample_nearest(image, *frame.to_image(a[keep][None, :], b)))

    top = brow + SEARCH_TOP * (lid.min() - brow)
    distances = np.arange(0, max(lid.min() - top, 3), 0.5)
    profile = np.median(luminance(sample(lid[None, :] - distances[:, None])), axis=1)
    skin = np.percentile(profile[len(profile) // 4 :], 70)
    clean = np.flatnonzero(profile > CLEAN_SKIN * skin)
    skip = distances[clean[0]] if len(clean) else USUAL_SKIP * iod
    most = MOST_SKIP * (lid.min() - top) if lid.min() > top else MOST_SKIP_UNSEEN * iod
    if flat:
        skip = lash + CARTOON_MARGIN * iod
    else:
        skip = float(np.clip(skip + SKIP_MARGIN * iod, LEAST_SKIP * iod, max(most, LEAST_SKIP * iod)))
        lash = min(lash, skip)
    band = sample(lid[None, :] - LASH_BAND * iod).reshape(-1, 3)
    band_luminance = luminance(band)
    color = np.median(band[band_luminance <= np.percentile(band_luminance, LASH_DARKEST)], 0)
    strength = float(np.clip(LASH_CONTRAST - luminance(color) / max(skin, 1e-4), *LASH_STRENGTH))
    return lash, skip, (LASH_DARKER * color).astype(np.float32), strength
