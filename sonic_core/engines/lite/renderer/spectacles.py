"""The upper rim of a pair of glasses and the reflections on them: what stays in front of a closing lid."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path, smoothstep
from .eyes import EyeShape
from .geometry import sample_linear, smooth_curve
from .linear_light import to_lab

# All by eye.  The upper rim: a dark line between brow and lid.
SAMPLES = 121  # along the rim
BLUR, LEAST_BLUR = 0.008, 0.4  # sigma, IOD and px
STEP = 0.5  # px from row to row of the strip
SPAN = 1.75  # half widths of the eye
# IOD; the rim is looked for from so far above the brow's lower edge to so far above the lid
BELOW_BROW, ABOVE_LID = 0.18, 0.035
RIM_REACH = 0.03  # IOD above and below the edge: where rim and skin are compared
RIM_LIGHT = 0.60  # share of the skin's L below which a rim is dark
DARK_EASE = 0.1  # of that share, to either side
RIM_STEP = 14.0  # least median step of L from a rim down to the skin
OFF_STRIP, OFF_RIM = 3, 5  # cost, in spreads of the step, at the strip's ends and below where a rim may be
RIM_BEND = 0.3  # cost of a row of change from sample to sample
INNER = 0.8  # half widths of the eye over which a rim must be seen
RIM_SMOOTHING, RIM_MARGIN = 2.0, 0.012  # samples, sigma; IOD below the edge that is still rim

# What else is in front of the lid.
SOCKET = 0.6  # IOD round the eye that is looked at
BESIDE = 1.12  # half widths of the eye from its middle; farther out a hinge may be
HINGE_LIGHT = 0.45  # share of the skin's L
OPENING_ABOVE = 0.025  # IOD above the lid where the eye's own opening begins
PALE_STEP, PALE_CHROMA = 8, 0.75  # L over the skin's, and share of its chroma, of a reflection
GROWN, EDGE_BLUR, LEAST_EDGE_BLUR = 0.012, 0.007, 0.3  # IOD, IOD and px: the mask's margin and soft edge


@dataclass(frozen=True)
class Spectacles:
    """One eye's part of a pair of glasses.

    a, rim: [SAMPLES] lower edge (b, px) of the upper rim at eye positions a.  in_front: uint8 [H, W], 255 where glasses cover the face.
    """

    a: NDArray[np.float64]
    rim: NDArray[np.float64]
    in_front: NDArray[np.uint8]

    def rim_at(self, a: NDArray) -> NDArray[np.float32]:
        return np.interp(a, self.a, self.rim).astype(np.float32)


def find_spectacles(
    image: NDArray[np.uint8], eye: EyeShape, iod: float, skin_lab: NDArray[np.float32]
) -> Spectacles | None:
    """The glasses before an eye, for a face that wears some; None where no dark rim runs between brow and lid."""
    lab = to_lab(image, blur=max(BLUR * iod, LEAST_BLUR))
    a = SPAN * np.linspace(eye.a[0], eye.a[-1], SAMPLES)
    lid = np.interp(a, eye.a, eye.upper)
    top = min(eye.brow, eye.upper.min()) - BELOW_BROW * iod
    b = np.arange(top, lid.max(), STEP)
    lightness = sample_linear(lab, *eye.frame.to_image(a[None, :], b[:, None]))[..., 0]
    step = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, ksize=5)
    reach = max(int(RIM_REACH * iod / STEP), 1)
    above = np.roll(lightness, reach, axis=0)
    below = np.roll(lightness, -reach, axis=0)
    dark = smoothstep((RIM_LIGHT + DARK_EASE - above / max(float(skin_lab[0]), 1)) / (2 * DARK_EASE))
    cost = -np.clip(step, 0, None) * dark / (np.std(step) + 1e-3)
    cost[:reach] = cost[-reach:] = OFF_STRIP
    cost += OFF_RIM * (b[:, None] > lid[None, :] - ABOVE_LID * iod)
    rows = cheapest_path(cost, penalty=RIM_BEND)
    columns = np.arange(SAMPLES)
    inner = np.abs(a) < INNER * eye.width / 2
    if np.median((below - above)[rows, columns][inner]) < RIM_STEP:
        return None
    if np.median(above[rows, columns][inner]) > RIM_LIGHT * skin_lab[0]:
        return None
    rim = smooth_curve(b[rows], RIM_SMOOTHING) + RIM_MARGIN * iod
    return Spectacles(a, rim, _in_front(lab, eye, a, rim, iod, skin_lab))


def _in_front(
    lab: NDArray[np.float32], eye: EyeShape, a: NDArray, rim: NDArray, iod: float, skin_lab: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Rim with all above it, dark hinges beside the eye, and pale reflections outside its opening."""
    height, width = lab.shape[:2]
    x0, y0 = np.maximum((eye.frame.origin - SOCKET * iod).astype(int), 0)
    x1, y1 = np.minimum((eye.frame.origin + SOCKET * iod).astype(int), [width, height])
    x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
    here_a, here_b = eye.frame.to_local(x, y)
    lightness, chroma = lab[y0:y1, x0:x1, 0], np.hypot(lab[y0:y1, x0:x1, 1], lab[y0:y1, x0:x1, 2])
    upper, lower = eye.lids_at(here_a)
    beside = np.abs(here_a) > BESIDE * eye.width / 2
    hinge = beside & (lightness < HINGE_LIGHT * skin_lab[0]) & (here_b < lower)
    opening = ~beside & (here_b > upper - OPENING_ABOVE * iod)
    colourless = chroma < PALE_CHROMA * np.hypot(skin_lab[1], skin_lab[2])
    pale = (lightness > skin_lab[0] + PALE_STEP) & colourless & ~opening
    covered = (hinge | pale).astype(np.uint8)
    size = 2 * int(GROWN * iod) + 1
    covered = cv2.dilate(cv2.morphologyEx(covered, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.ones((size, size)))
    covered |= (here_b < np.interp(here_a, a, rim)).astype(np.uint8)
    full = np.zeros((height, width), np.uint8)
    full[y0:y1, x0:x1] = cv2.GaussianBlur(255 * covered, (0, 0), EDGE_BLUR * iod + LEAST_EDGE_BLUR)
    return full
