"""What will not look right, known before the work: the picture and two telling poses, drawn and looked at without eyes.

The face is brought to one size (96 px between the eyes), so that every length below is in its pixels; lightness is CIE L, 0 to 100.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ...lab import lab_of_srgb
from ...portrait.head_pose import EYES
from ...portrait.portrait import Portrait
from .parameters import parameters
from .renderer import PortraitRenderer

EYE_DISTANCE, WIDTH, HEIGHT, EYE_ROW = 96, 320, 368, 128
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
RING = np.r_[0:8, 8, 15:8:-1]  # of EYES: its corners and both lids in one round
CHANGED = 5.0  # Lab: what a blink changes
LID_REACH, LIP_REACH, LIP_RIM = (
    26,
    26,
    4,
)  # px round eyes and lips that are looked at; beside the lips that move themselves
SEAM_PERCENTILE = 97
GRAIN_SIGMA = 1.5  # px: what is finer is grain

# On 58 public pictures, drawn as of November 2026 and looked at: a plate over the upper lip gave a seam of 6.5, the other 57 up to 2.4;
# grey boxes for lids gave a step of 32, the others up to 26 (deep-set eyes, painted lids).  Since lids are held by the skin round them,
# 80 pictures give 5 in the middle and 27 at most (8 and 32 before), and none a box: it guards against what no picture does today.
PLATE_SEAM = 4.0
BOX_STEP = 29.0
# Grain beside the lips, L: on 80 public pictures drawn teeth look drawn in eight, from 1.09 (engravings, thick paint, sharpened pores; the
# roughest of them 4.7); the smoother ones have 0.05 to 1.0.
ROUGH_SKIN = 1.05

CLOSED = {"close": 1, "press": 0.5, "jaw": 0.1}
BLINK = {"blink_l": 1, "blink_r": 1}


def foreseen(renderer: PortraitRenderer, portrait: Portrait) -> tuple[str, ...]:
    """Sentences about a closed mouth and closed lids that will look pasted on; none for a picture that carries them.

    portrait: the one that the renderer was made from.
    """
    view = FaceView(portrait.landmarks)
    rest = view.lab(portrait.image)
    posed = (view.lab(renderer.render(parameters(**pose))) for pose in (CLOSED, BLINK))
    return (*_teeth(view, rest, renderer.draws_teeth), *_sentences(view, rest, *posed))


def _teeth(view: FaceView, rest: NDArray[np.float32], drawn: bool) -> Iterator[str]:
    if drawn and (grain := view.grain_at_lips(rest)) > ROUGH_SKIN:
        yield (
            f"The teeth will look drawn: they are smooth, and the picture is rough around the mouth (grain {grain:.1f}, {ROUGH_SKIN:g} at "
            "most). A smoother picture, or one that shows a little of the teeth, looks better."
        )


def _sentences(
    view: FaceView, rest: NDArray[np.float32], closed: NDArray[np.float32], blink: NDArray[np.float32]
) -> Iterator[str]:
    if (seam := view.seam_at_lips(rest, closed)) > PLATE_SEAM:
        yield (
            f"The lips will look pasted on when they close: an edge appears beside them (seam {seam:.1f}, {PLATE_SEAM:g} at most). "
            "A picture with a smoother or better lit mouth looks better."
        )
    if (step := view.step_of_lids(rest, blink)) > BOX_STEP:
        yield (
            f"The lids will look like patches in a blink: they are {step:.0f} L lighter or darker than the skin around them "
            f"({BOX_STEP:g} at most). A picture with evenly lit eyes looks better."
        )


class FaceView:
    """The face of `landmarks` [468, 2 or 3] upright and in one size, and what a drawn pose changes in it."""

    def __init__(self, landmarks: NDArray[np.floating]) -> None:
        points = np.asarray(landmarks, np.float64)[:, :2]
        right, left = (points[list(eye)].mean(0) for eye in EYES)
        across = left - right
        self.scale = EYE_DISTANCE / float(np.hypot(*across))
        c, s = self.scale * across / np.hypot(*across)
        turn = np.array([[c, s], [-s, c]])
        self.matrix = np.c_[turn, np.array([WIDTH / 2, EYE_ROW]) - turn @ (right + left) / 2]
        self.points = points @ turn.T + self.matrix[:, 2]

    def lab(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A frame (RGB) as Lab [HEIGHT, WIDTH, 3]."""
        if self.scale < 1:  # warpAffine does not average when it shrinks
            frame = cv2.GaussianBlur(frame, (0, 0), 0.5 / self.scale)
        flags = cv2.INTER_LINEAR if self.scale < 1 else cv2.INTER_CUBIC
        seen = cv2.warpAffine(frame, self.matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return lab_of_srgb(seen)

    def around(self, points: tuple[int, ...] | NDArray[np.intp], reach: int) -> NDArray[np.bool_]:
        """Pixels inside a round of landmarks, widened by `reach` px."""
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(mask, [np.round(self.points[list(points)]).astype(np.int32)], 1)
        return cv2.dilate(mask, disc(reach)).astype(bool)

    def seam_at_lips(self, rest: NDArray[np.float32], posed: NDArray[np.float32]) -> float:
        """The strongest edges (L per px) that a pose adds to the skin beside the lips."""
        zone = self.around(LIPS, LIP_REACH) & ~self.around(LIPS, LIP_RIM)
        added = np.maximum(slope(posed[..., 0]) - slope(rest[..., 0]), 0)
        return float(np.percentile(added[zone], SEAM_PERCENTILE))

    def grain_at_lips(self, rest: NDArray[np.float32]) -> float:
        """Median grain (L) of the skin beside the lips."""
        zone = self.around(LIPS, LIP_REACH) & ~self.around(LIPS, LIP_RIM)
        light = rest[..., 0]
        return float(np.median(np.abs(light - cv2.GaussianBlur(light, (0, 0), GRAIN_SIGMA))[zone]))

    def drawn_lids(
        self, rest: NDArray[np.float32], blink: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]]:
        """Of each eye on which a blink draws: what it draws, that without its rim, and a ring of what lies around."""
        change = np.linalg.norm(blink - rest, axis=2) > CHANGED
        for eye in EYES:
            near = (change & self.around(np.array(eye)[RING], LID_REACH)).astype(np.uint8)
            drawn = cv2.morphologyEx(cv2.morphologyEx(near, cv2.MORPH_CLOSE, disc(2)), cv2.MORPH_OPEN, disc(1))
            inside = cv2.erode(drawn, disc(3)).astype(bool)
            ring = cv2.dilate(drawn, disc(7)).astype(bool) & ~cv2.dilate(drawn, disc(2)).astype(bool)
            if inside.sum() > 20 and ring.any():
                yield drawn, inside, ring

    def step_of_lids(self, rest: NDArray[np.float32], blink: NDArray[np.float32]) -> float:
        """How much lighter or darker (L) the drawn lids are than the skin around what they cover, of the worse eye."""
        steps = [0.0]
        for _, inside, ring in self.drawn_lids(rest, blink):
            steps.append(abs(float(np.median(blink[inside][:, 0]) - np.median(blink[ring][:, 0]))))
        return max(steps)


def disc(radius: int) -> NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def slope(light: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hypot(cv2.Sobel(light, -1, 1, 0, scale=1 / 8), cv2.Sobel(light, -1, 0, 1, scale=1 / 8))
