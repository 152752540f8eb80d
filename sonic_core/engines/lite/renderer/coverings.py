"""What lies over the face: a covered mouth, glasses, a moustache.  Each changes what may be animated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .geometry import sample_linear
from .head import HeadFrame
from .linear_light import to_lab
from .lip_line import CLEAR_LIP_LINE
from .mouth_shape import MouthShape

# The numbers without a measurement are by eye.
# With a doubtful picture (see QualityReport.mouth_clarity) the fainter half of the lip line must be this clear.  Microphones and hands
# over one half measured 0.1 to 0.9 there, uncovered mouths 1.06 and more.
DOUBTFUL_HALF = 1.2
# Least step of lightness over 0.05 IOD across the nose bridge: frames of glasses measured 12 and 15, bare noses 0.6 to 4, a shadow 9.
BRIDGE_STEP = 10.0
# A frame is a line: a second step, of the other sign, this strong and this near.  Frames measured 5.2, 8.2 and 46; a fringe, its shadow,
# brows that meet and a wrinkle, each with a first step of 11 and more, 0 to 4.0.
LINE_STEP, LINE_WIDTH = 4.6, (2, 25)  # L; samples along
BROWS = -0.25  # IOD from between the eyes: above, brows may meet
BRIDGE_ACROSS, BRIDGE_ALONG = np.linspace(-0.07, 0.07, 9), np.arange(-0.30, 0.34, 0.01)  # IOD from between the eyes
BRIDGE_REACH = 5  # samples along: 0.05 IOD
# A moustache is looked for in the middle of the mouth, between lip and nostrils.
ABOVE_LIP = np.linspace(0.15, 0.75, 12)[:, None]  # share of the way from below the nose to the lip
BELOW_NOSE = 0.25  # share of the way from the nose to the lip where nostrils and their shadow end
MIDDLE = 0.6  # of the mouth's width
BARE_LIGHTNESS, HAIR_LIGHTNESS = 0.62, 0.42  # of the skin's L: bare skin even in shadow, dense hair
BLUR, LEAST_BLUR = 0.012, 0.5  # sigma, IOD and px: pores and grain are no edge


@dataclass(frozen=True)
class Coverings:
    """mouth: the lips cannot be seen.  glasses: a frame crosses the nose bridge.  moustache: 0 bare lip to 1 dense hair."""

    mouth: bool
    glasses: bool
    moustache: float


def find_coverings(
    image: NDArray[np.uint8], head: HeadFrame, mouth: MouthShape, skin_lab: NDArray[np.float32], reported_clarity: float
) -> Coverings:
    """reported_clarity: `mouth_clarity` of the portrait's quality report, which also looks at the colours around the mouth."""
    half = min(mouth.clarity_halves)
    doubtful = reported_clarity < CLEAR_LIP_LINE
    covered = half < CLEAR_LIP_LINE or (doubtful and (mouth.wide_open or half < DOUBTFUL_HALF))
    return Coverings(covered, _glasses(image, head), _moustache(image, mouth, skin_lab))


def _glasses(image: NDArray[np.uint8], head: HeadFrame) -> bool:
    """Does a line with sharp edges run across the nose bridge between the eyes?"""
    iod = head.iod
    across, along = np.meshgrid(BRIDGE_ACROSS, BRIDGE_ALONG)
    x = head.eye_center[0] + iod * (across * head.right[0] + along * head.down[0])
    y = head.eye_center[1] + iod * (across * head.right[1] + along * head.down[1])
    lightness = _lightness(image, x, y, iod)
    step = lightness[BRIDGE_REACH:] - lightness[:-BRIDGE_REACH]
    if np.abs(step).min(axis=1).max() <= BRIDGE_STEP:
        return False
    below_brows = step[BRIDGE_ALONG[:-BRIDGE_REACH] >= BROWS]
    darker, lighter = (-below_brows).min(axis=1), below_brows.min(axis=1)
    lines = (
        np.minimum(first[:-apart], second[apart:]).max()
        for apart in range(*LINE_WIDTH)
        for first, second in ((darker, lighter), (lighter, darker))
    )
    return bool(max(lines) > LINE_STEP)


def _moustache(image: NDArray[np.uint8], mouth: MouthShape, skin_lab: NDArray[np.float32]) -> float:
    """How much darker the skin between nose and lip is than the face's skin."""
    a = np.linspace(MIDDLE * mouth.a[0], MIDDLE * mouth.a[-1], 41)
    top = mouth.nose + BELOW_NOSE * (mouth.at(mouth.outer_upper, a) - mouth.nose)
    x, y = mouth.frame.to_image(a[None, :], top + ABOVE_LIP * (mouth.at(mouth.outer_upper, a) - top))
    lightness = _lightness(image, x, y, mouth.iod)
    share = np.median(lightness) / max(float(skin_lab[0]), 1.0)
    return float(smoothstep((BARE_LIGHTNESS - share) / (BARE_LIGHTNESS - HAIR_LIGHTNESS)))


def _lightness(image: NDArray[np.uint8], x: NDArray, y: NDArray, iod: float) -> NDArray[np.float32]:
    margin = int(0.05 * iod) + 4
    x0, y0 = max(int(x.min()) - margin, 0), max(int(y.min()) - margin, 0)
    patch = image[y0 : max(int(y.max()) + margin, y0 + 1), x0 : max(int(x.max()) + margin, x0 + 1)]
    return sample_linear(to_lab(patch, blur=max(BLUR * iod, LEAST_BLUR))[..., 0], x - x0, y - y0)
