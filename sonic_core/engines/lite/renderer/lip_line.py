"""Finds the lip line in the picture; the mesh's own line, off by up to 0.15 IOD on cartoons, is only the prior.

All searches run in a *strip*: the picture resampled along the mesh's mid line, so that columns are positions along the
mouth and rows are distances from that line.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path, running_maximum, running_median, smoothstep
from .geometry import smooth_curve

CLEAR_LIP_LINE = 0.8  # clarity below this: the mouth is covered.  Uncovered mouths measured 1.36 to 3.2, a mask 0.0.
CLOSED_GAP = 0.055  # IOD; mesh gap above which the mouth counts as open

# Numbers without a measurement are by eye.  Closed lips: a dark ridge.
RIDGE_WINDOW = 0.10  # IOD; what the ridge is darker than
RIDGE_BLUR = 1.5, 0.006  # sigma along (columns) and across (IOD)
FLAT = 0.5  # L; added to the ridge's own spread, so that a strip without any line shows none
# Widths of the prior (IOD) with the clarity that each must win: a wider search only pays if its line is much clearer.
SEARCHES = ((0.10, 0.0), (0.16, 0.35))
PRIOR_SHARE = 0.5  # cost at one width from the mesh
RIDGE_BEND = 0.35  # cost of a row of change from column to column
SEAM_SMOOTHING = 5.5  # columns, sigma
BELIEVED = 0.6  # clarity from which the picture's line is taken as it is
UPPER_LIP_AT = 0.4, 0.6  # shares of seam and outer edge where the colour of the upper lip is read

# Teeth between lips that the mesh calls closed.
TEETH_REACH, TEETH_START = 0.075, 0.035  # IOD from the seam: how far they reach, how near they begin
# of the lip's, and least chroma (Lab) of a lip that can be told from teeth
PALE_CHROMA, PALE_LIGHTNESS, LEAST_CHROMA = 0.62, 0.72, 10
LIP_AGAIN = 0.72  # of the lip's chroma beyond them; without it the pale run is a highlight
CORNERS = 0.85  # half widths of the mouth; beyond there are no teeth
LEAST_SHARE = 0.08  # of the columns
TEETH_RADIUS, TEETH_SMOOTHING = 6, 9.0  # columns: of the running median and maximum; sigma
PARTED, TEETH_MARGIN = 0.012, 0.3  # IOD of teeth from which lips count as parted; px of lip edge that go with them

# Open lips: where the redness ends.
EDGE_PRIOR = 0.055  # IOD; how far the edges of an open mouth are looked for from the mesh
INSIDE_AT = 0.7, 0.3  # shares of the upper and lower edge where the upper part of the inside is read
YELLOW_SHARE = 0.5  # of b in the redness: skin is yellow as well
RED_CONTRAST = 3.0, 8.0  # redness of lip over inside: where it begins to be trusted, and from there to full trust
RED_BLUR = 1.5, 0.7  # sigma along and across, px of the strip
RED_RANGE = -0.5, 1.5  # of a step of redness, in its 95th percentile
LIGHT_YIELDS = 0.75  # share of the lightness step that a trusted redness takes the place of
EDGE_BEND, EDGE_SMOOTHING = 0.25, 5.0  # cost of a row of change; columns, sigma
SQUEEZED = 0.3  # of the mesh's gap; edges nearer to each other have run along teeth, and the mesh's own are taken

# The dark or pale rim of the contact.
CONTACT_REACH, CONTACT_STEP = 0.06, 0.25  # from the edge: IOD that is looked at, and px from look to look
USUAL_CONTACT = 0.35, 0.010  # px and IOD, where there is no contrast
CONTACT_CONTRAST, RECOVERED = 4, 0.55  # L between edge and lip to be seen, share of it at which the lip begins
CONTACT_RANGE = 0.008, 0.035  # IOD


@dataclass(frozen=True)
class LipStrip:
    """lab: [rows, columns, 3] Lab.  offsets: [rows] px from `mid`.  mid: [columns] mesh mid line, px (mouth frame b).

    per_px: rows per px.  iod: px.
    """

    lab: NDArray[np.float32]
    offsets: NDArray[np.float64]
    mid: NDArray[np.float64]
    per_px: int
    iod: float

    @property
    def columns(self) -> int:
        return len(self.mid)

    @property
    def middle(self) -> slice:
        """The middle 60 % of the columns, where lips are thick enough to read colours."""
        return slice(self.columns // 5, -(self.columns // 5))

    def at(self, b: NDArray) -> NDArray[np.float32]:
        """Lab [columns, 3] at the curve b [columns]."""
        rows = np.clip(np.rint((b - self.mid - self.offsets[0]) * self.per_px), 0, len(self.offsets) - 1)
        return self.lab[rows.astype(int), np.arange(self.columns)]


@dataclass(frozen=True)
class LipLine:
    """upper, lower: [columns] lip edges in mouth-frame b, equal where the lips touch.  shift: mean correction of the mesh, px.

    clarity: 1.3 and more on clear lips, about 0 on a covered mouth.  clarity_halves: the same for the image-left and right half.
    parted: lips closed by the mesh but with teeth showing between them.
    """

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    clarity: float
    clarity_halves: tuple[float, float]
    shift: float = 0.0
    parted: bool = False


def dark_ridge(strip: LipStrip) -> NDArray[np.float32]:
    """[rows, columns]: negative where the strip is darker than around, in spreads of that."""
    lightness, per_iod = strip.lab[..., 0], strip.iod * strip.per_px
    window = max(3, int(RIDGE_WINDOW * per_iod) | 1)
    ridge = lightness - cv2.blur(lightness, (1, window), borderType=cv2.BORDER_REPLICATE)
    along, across = RIDGE_BLUR
    ridge = cv2.GaussianBlur(ridge, (0, 0), sigmaX=along, sigmaY=max(across * per_iod, 0.5))
    return ridge / (np.std(ridge) + FLAT)


def closed_lip_line(strip: LipStrip, outer_upper: NDArray, outer_lower: NDArray) -> LipLine:
    """Darkest ridge near the mesh line, opened round teeth where the lips are slightly parted."""
    iod, ridge = strip.iod, dark_ridge(strip)
    candidates = []
    for width, handicap in SEARCHES:
        prior = (strip.offsets[:, None] / (width * iod)) ** 2
        path = cheapest_path(ridge + PRIOR_SHARE * prior, penalty=RIDGE_BEND)
        candidates.append((ridge[path, np.arange(strip.columns)].mean() + handicap, path))
    cost, path = min(candidates, key=lambda c: c[0])
    clarity = -float(cost)
    clarity_along = -ridge[path, np.arange(strip.columns)]
    half = strip.columns // 2
    offset = smooth_curve(strip.offsets[path], SEAM_SMOOTHING) * smoothstep(clarity / BELIEVED)
    seam = strip.mid + offset
    quarter = slice(strip.columns // 4, 3 * strip.columns // 4)
    of_seam, of_outer = UPPER_LIP_AT
    both_lips = strip.at(of_seam * seam + of_outer * outer_upper), strip.at((seam + outer_lower) / 2)
    lip = np.median(np.concatenate([lab[quarter] for lab in both_lips]), 0)
    above, below = _teeth_beside(strip, seam, lip, -1), _teeth_beside(strip, seam, lip, 1)
    parted = bool(max(above.max(), below.max()) > PARTED * iod)
    return LipLine(
        upper=seam - above - TEETH_MARGIN if parted else seam,
        lower=seam + below + TEETH_MARGIN if parted else seam.copy(),
        clarity=clarity,
        clarity_halves=(float(clarity_along[:half].mean()), float(clarity_along[half:].mean())),
        shift=float(offset.mean()),
        parted=parted,
    )


def _teeth_beside(strip: LipStrip, seam: NDArray, lip: NDArray, sign: int) -> NDArray[np.float64]:
    """Thickness [columns] of a run of pale pixels beside the seam that ends in lip again: teeth, not a highlight.

    lip: median Lab of both lips.  sign: -1 above the seam, 1 below.
    Without it a sliver of teeth sticks to a lip whenever the mouth closes.
    """
    iod, step = strip.iod, 1 / strip.per_px
    chroma = np.hypot(lip[1], lip[2])
    end, stopped = np.zeros(strip.columns), np.zeros(strip.columns, bool)
    for d in np.arange(0, TEETH_REACH * iod, step):
        value = strip.at(seam + sign * d)
        colourless = np.hypot(value[:, 1], value[:, 2]) < PALE_CHROMA * chroma
        pale = colourless & (value[:, 0] > PALE_LIGHTNESS * lip[0]) & (chroma > LEAST_CHROMA)
        stopped |= ~pale & (d > TEETH_START * iod) & (end == 0)
        end[pale & ~stopped] = d + step
        stopped |= ~pale & (end > 0) & (d > end + 1.5 * step)
    beyond = [np.hypot(*strip.at(seam + sign * (end + k * step))[:, 1:].T) for k in (1, 2, 3, 4)]
    end[np.max(beyond, 0) < LIP_AGAIN * chroma] = 0
    end *= np.abs(np.linspace(-1, 1, strip.columns)) < CORNERS
    if (end > 0).mean() < LEAST_SHARE:
        return np.zeros(strip.columns)
    return smooth_curve(running_maximum(running_median(end, TEETH_RADIUS, "symmetric"), TEETH_RADIUS), TEETH_SMOOTHING)


def open_lip_edges(
    strip: LipStrip, upper: NDArray, lower: NDArray, outer_upper: NDArray, outer_lower: NDArray
) -> LipLine:
    """The two inner lip edges of an open mouth: where the redness of the lip ends, near the mesh's edges."""
    keep, mid = strip.middle, strip.mid

    def redness(lab: NDArray) -> NDArray:
        return np.hypot(lab[..., 1], YELLOW_SHARE * lab[..., 2])

    vermilion = np.r_[strip.at((upper + outer_upper) / 2)[keep], strip.at((lower + outer_lower) / 2)[keep]]
    inside = np.r_[strip.at(mid)[keep], strip.at(INSIDE_AT[0] * upper + INSIDE_AT[1] * lower)[keep]]
    contrast = np.median(redness(vermilion)) - np.median(redness(inside))
    trust = float(smoothstep((contrast - RED_CONTRAST[0]) / RED_CONTRAST[1]))

    red_step = cv2.Sobel(
        cv2.GaussianBlur(redness(strip.lab), (0, 0), sigmaX=RED_BLUR[0], sigmaY=RED_BLUR[1]), cv2.CV_32F, 0, 1, ksize=3
    )
    red_step = red_step / (np.percentile(np.abs(red_step), 95) + 1e-3)
    light_step = np.abs(cv2.Sobel(strip.lab[..., 0], cv2.CV_32F, 0, 1, ksize=3))
    light_step = light_step / (np.percentile(light_step, 95) + 1e-3)

    edges = []
    for edge, sign in ((upper, -1), (lower, 1)):
        gain = trust * np.clip(sign * red_step, *RED_RANGE) + (1 - LIGHT_YIELDS * trust) * light_step
        prior = ((strip.offsets[:, None] - (edge - mid)[None]) / (EDGE_PRIOR * strip.iod)) ** 2
        path = cheapest_path(-gain + PRIOR_SHARE * prior, penalty=EDGE_BEND)
        edges.append(mid + smooth_curve(strip.offsets[path], EDGE_SMOOTHING))
    top, bottom = edges
    if np.median((bottom - top)[keep]) < SQUEEZED * np.median((lower - upper)[keep]):
        top, bottom = upper, lower
    crossed = bottom < top
    center = (top + bottom) / 2
    return LipLine(np.where(crossed, center, top), np.where(crossed, center, bottom), 1.0, (1.0, 1.0))


def contact_widths(strip: LipStrip, upper: NDArray, lower: NDArray) -> tuple[float, float]:
    """How far into each lip the dark contact line, or the pale rim of teeth, reaches from its edge, px.

    Neither lip may carry that strip away when the mouth opens.
    """
    distances = np.arange(0, CONTACT_REACH * strip.iod, CONTACT_STEP)
    widths = []
    for edge, sign in ((upper, -1), (lower, 1)):
        profile = np.array([np.median(strip.at(edge + sign * d)[strip.middle, 0]) for d in distances])
        lip = profile.max() if profile[0] < np.median(profile) else profile.min()
        width = USUAL_CONTACT[0] + USUAL_CONTACT[1] * strip.iod
        if abs(lip - profile[0]) > CONTACT_CONTRAST:
            recovered = np.abs(profile - profile[0]) > RECOVERED * abs(lip - profile[0])
            least, most = CONTACT_RANGE
            width = float(np.clip(distances[np.argmax(recovered)], least * strip.iod, most * strip.iod))
        widths.append(width)
    return widths[0], widths[1]
