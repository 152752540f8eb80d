"""The inside of the mouth as the picture shows it, cut out as a layer that stays with the skull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import running_median, smoothstep
from .geometry import remap, sample_linear, smooth_curve
from .linear_light import lab_of, to_linear
from .mouth_shape import SAMPLES, MouthShape

# All by eye.  Lengths in IOD or in edges: the rim of lip colour that the cut-out must not show.
EDGE, LEAST_EDGE = 0.014, 1.2  # IOD and px
FADE_BELOW = 0.8  # edges above the lower lip over which the cut-out fades
HANG, HANG_EASE = 0.16, 0.06  # above the upper lip, to which its first row goes on, and the ease there
GAP, GAP_FLOOR = 2.2, 0.2  # edges of opening to be full, of which this share is none
# The outermost column that surely shows the inside is open by this share of the largest opening, and by so many edges.  How far it goes
# on beside that, over which it then ends and over which it darkens (half widths of the mouth), and by how much.
LAST_COLUMN, LAST_EDGES = 0.3, 1.6
CHEEK_REACH, CHEEK_EASE, CHEEK_DARKENS, CHEEK_SHADE = 0.6, 0.3, 0.2, 0.8
RESTING_REACH, RESTING_SIDES = 3, 1.05  # edges beyond the lips, half widths to the sides: the untouched pixels
JAW_EASE = 0.06  # between what stays with the skull and what goes with the jaw

# A row of lower teeth is pale below a dark gap: shares are of the opening's height, levels are Lab.
SHARES = np.linspace(0.06, 0.94, 34)
MAY_BE_GAP = (SHARES > 0.3) & (SHARES < 0.85)
BLUR = 2.0, 1.0  # sigma along and across, samples
PALE_CHROMA = 24
# L over the gap: of a tooth's pixels, the lower row's best, the upper row's best
TOOTH_STEP, LOWER_STEP, UPPER_STEP = 20, 25, 10
THICKNESS, LEAST_FOUND = 0.10, 0.5  # shares: of the height that is tooth, of the middle columns that show one
SPLIT_RADIUS, SPLIT_SMOOTHING = 8, 6.0  # columns: running median; sigma


@dataclass(frozen=True)
class PhotoInterior:
    """Premultiplied linear RGBA float32 over the box whose corner is `origin` (px).

    speaking: clear of the lips, its first row continued upwards.  resting: the untouched pixels, a little beyond the lip edges.
    jaw: what of it belongs to the lower jaw (a visible row of lower teeth) and is left out of `speaking`, or None.
    replaces_teeth: it shows teeth enough to be used at every opening; otherwise it fades as the mouth opens.
    """

    speaking: NDArray[np.float32]
    resting: NDArray[np.float32]
    jaw: NDArray[np.float32] | None
    origin: tuple[int, int]
    replaces_teeth: bool


def cut_interior(
    image: NDArray[np.uint8],
    mouth: MouthShape,
    positions: NDArray[np.float32],
    origin: tuple[int, int],
    shows_teeth: bool = True,
) -> PhotoInterior | None:
    """positions: [h, w, 2] px of the box to fill.  shows_teeth: the opening does.  None where the picture's lips are closed."""
    if not mouth.shows_inside:
        return None
    edge = max(LEAST_EDGE, EDGE * mouth.iod)
    a, b = mouth.frame.to_local(positions[..., 0], positions[..., 1])
    side = np.abs(mouth.relative(a))
    # Lips that stretch show what lies beside it: its last column goes on, into the dark of the cheeks.
    shown = mouth.a[mouth.gap > max(LAST_COLUMN * mouth.gap.max(), LAST_EDGES * edge)]
    sure = np.clip(a, shown[0], shown[-1]) if len(shown) else a
    beyond = np.abs(a - sure) / mouth.half_width
    upper, lower = mouth.at(mouth.upper, sure), mouth.at(mouth.lower, sure)

    first_row = np.minimum(upper + edge, (upper + lower) / 2)
    color = to_linear(sample_linear(image, *mouth.frame.to_image(sure, np.maximum(b, first_row))))
    color *= (1 - CHEEK_SHADE * smoothstep(beyond / CHEEK_DARKENS))[..., None]
    cover = np.clip((lower - FADE_BELOW * edge - b) / (FADE_BELOW * edge), 0, 1)
    cover *= smoothstep((b - upper + HANG * mouth.iod) / (HANG_EASE * mouth.iod))
    cover *= smoothstep((lower - upper) / (GAP * edge) - GAP_FLOOR) * smoothstep((CHEEK_REACH - beyond) / CHEEK_EASE)

    split = _lower_teeth(image, mouth) if mouth.wide_open else None
    jaw = None
    if split is not None:
        of_jaw = smoothstep((b - mouth.at(split, a)) / (JAW_EASE * mouth.iod) + 0.5)
        jaw = _premultiplied(color, cover * of_jaw)
        cover = cover * (1 - of_jaw)

    untouched = to_linear(remap(image, positions))
    reach = RESTING_REACH * edge
    full = (
        np.clip((b - upper + reach) / edge, 0, 1) * np.clip((lower + reach - b) / edge, 0, 1) * (side < RESTING_SIDES)
    )
    return PhotoInterior(
        _premultiplied(color, cover),
        _premultiplied(untouched, full),
        jaw,
        origin,
        replaces_teeth=mouth.wide_open and shows_teeth,
    )


def _lower_teeth(image: NDArray[np.uint8], mouth: MouthShape) -> NDArray[np.float64] | None:
    """b [SAMPLES] where a row of lower teeth begins, apart from what is above it by darkness; None where there is none."""
    b = mouth.upper + SHARES[:, None] * mouth.gap
    lab = lab_of(to_linear(sample_linear(image, *mouth.frame.to_image(mouth.a[None, :], b))))
    light = cv2.GaussianBlur(lab[..., 0], (0, 0), sigmaX=BLUR[0], sigmaY=BLUR[1])
    pale = light * (np.hypot(lab[..., 1], lab[..., 2]) < PALE_CHROMA)
    darkest = np.argmin(np.where(MAY_BE_GAP[:, None], light, np.inf), axis=0)
    below = np.arange(len(SHARES))[:, None] > darkest
    lower, upper = (np.max(pale * side, axis=0) for side in (below, ~below))
    dark = light[darkest, np.arange(SAMPLES)]
    thick = ((pale > dark + TOOTH_STEP) & below).mean(0) > THICKNESS
    found = (lower > dark + LOWER_STEP) & (upper > dark + UPPER_STEP) & thick
    middle = slice(SAMPLES // 4, 3 * SAMPLES // 4)
    if found[middle].mean() < LEAST_FOUND:
        return None
    share = np.interp(np.arange(SAMPLES), np.flatnonzero(found), SHARES[darkest[found]])
    return mouth.upper + smooth_curve(running_median(share, SPLIT_RADIUS, "symmetric"), SPLIT_SMOOTHING) * mouth.gap


def _premultiplied(color: NDArray, cover: NDArray) -> NDArray[np.float32]:
    return np.dstack([color * cover[..., None], cover]).astype(np.float32)
