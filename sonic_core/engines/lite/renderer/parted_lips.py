"""The edges of lips that are a little apart, found by what is no lip between them: less red than the lips, or dark."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import cheapest_path
from .geometry import smooth_curve
from .lip_line import LipLine, LipStrip, dark_ridge

# By eye unless a measurement is named; lengths in IOD.  The lips' own colour, of each half of the strip between border and seam:
RED_PERCENTILE, LIT_PERCENTILE = 70, 55  # of a: its red; from where on a pixel is lip enough to tell its lightness
LEAST_RED = 10.0  # a; paler lips cannot be told from what lies between them (greyscale has 0, painted and made-up lips 15 to 58)
LESS_RED, RED_EASE = 0.62, 0.22  # shares of that red: even odds of lip and inside, and from there to certainty
DARKER, DARK_EASE = 0.55, 0.15  # the same of the lips' lightness
SIDES = 8  # columns / this at either end do not tell the colour
HALVES_BLEND = 0.02  # from the upper lip's colours to the lower lip's
BLUR = 1.5, 0.5  # sigma along and across, samples

# The way between the lips, and the edges beside it.
WAY_BLUR, WAY_ALONG, LEAST_WAY_BLUR = 0.008, 2.0, 0.6  # sigma across, along (columns), least (rows)
WAY_PRIOR, WAY_BEND, RIDGE_SHARE = 0.10, 0.35, 0.5
IN_LIPS = 0.4  # of the way from the outer border to the seam: nothing but lip
EDGE_PRIOR, EDGE_BEND, GAIN = (
    0.09,
    0.35,
    0.35,
)  # a gain is what 0.01 IOD of lip or inside counts, in squared widths of the prior
BORDER = 0.15  # of a lip's height at its border that is always lip
MOST_GAP, END_GAP = 0.045, 0.006  # half the gap: in the middle, and at the corners
FORBIDDEN = 50.0
SMOOTHING = 5.0  # columns, sigma

# Without teeth between them in the middle, lips are not parted: a gleam on a lip, shadow at the corners, a broad dark seam.
# Mean gap; places across it that are looked at; lightness over the lips' own, and share of the gap, of what may be teeth.
APART, PLACES, TOOTH_LIGHT, TEETH = 0.008, np.linspace(0.15, 0.85, 8), 0.55, 0.15


def parted_line(
    strip: LipStrip, line: LipLine, upper: NDArray, lower: NDArray, outer_upper: NDArray, outer_lower: NDArray
) -> LipLine:
    """`line`, a parted one, with edges by colour; closed where no teeth are, as it is where pale lips cannot be told from teeth.

    upper, lower, outer_upper, outer_lower: [columns] the mesh's own lines (b, px).
    """
    edges = _edges(strip, upper, lower, outer_upper, outer_lower)
    if edges is None:
        return line
    middle = slice(strip.columns // 4, -(strip.columns // 4))
    gap = (edges[1] - edges[0])[middle]
    lips = np.stack([strip.at((edges[0] + outer_upper) / 2), strip.at((edges[1] + outer_lower) / 2)])[:, middle, 0]
    light = np.stack([strip.at(edges[0] + share * (edges[1] - edges[0])) for share in PLACES])[:, middle, 0]
    teeth = (light > TOOTH_LIGHT * np.median(lips)) * gap
    if gap.mean() < APART * strip.iod or teeth.mean() < TEETH * gap.mean():
        seam = (line.upper + line.lower) / 2
        return replace(line, upper=seam, lower=seam.copy(), parted=False)
    return replace(line, upper=edges[0], lower=edges[1])


def _edges(
    strip: LipStrip, upper: NDArray, lower: NDArray, outer_upper: NDArray, outer_lower: NDArray
) -> tuple[NDArray, NDArray] | None:
    """Both inner lip edges [columns] near the mesh's own lines; None for lips too pale to be told from teeth.

    What is between the lips is summed up from the top, so that an edge is where the sum has its extreme: one gleam on a lip moves no edge.
    """
    iod, step = strip.iod, 1 / strip.per_px
    odds = _inside_odds(strip, upper, lower, outer_upper, outer_lower)
    if odds is None:
        return None
    offsets, seam = strip.offsets[:, None], (upper + lower) / 2
    lips = [IN_LIPS * (seam - edge) + edge - strip.mid for edge in (outer_upper, outer_lower)]
    way_cost = (
        -cv2.GaussianBlur(odds, (0, 0), sigmaX=WAY_ALONG, sigmaY=max(WAY_BLUR * iod * strip.per_px, LEAST_WAY_BLUR))
        + RIDGE_SHARE * dark_ridge(strip)
        + (offsets / (WAY_PRIOR * iod)) ** 2
        + FORBIDDEN * ((offsets < lips[0]) | (offsets > lips[1]))
    )
    way = strip.offsets[cheapest_path(way_cost, penalty=WAY_BEND)]
    room = (MOST_GAP * (1 - np.linspace(-1, 1, strip.columns) ** 2) + END_GAP) * iod
    total = np.cumsum(odds, axis=0) * step / (0.01 * iod)
    edges = []
    for edge, outer, sign in ((upper, outer_upper, 1), (lower, outer_lower, -1)):
        border = outer + BORDER * (edge - outer) - strip.mid
        outside = (sign * (offsets - way) > 0) | (np.abs(offsets - way) > room) | (sign * (offsets - border) < 0)
        prior = ((offsets - (edge - strip.mid)) / (EDGE_PRIOR * iod)) ** 2
        path = cheapest_path(sign * GAIN * total + prior + FORBIDDEN * outside, penalty=EDGE_BEND)
        edges.append(strip.mid + smooth_curve(strip.offsets[path], SMOOTHING))
    return edges[0], np.maximum(edges[0], edges[1])


def _inside_odds(
    strip: LipStrip, upper: NDArray, lower: NDArray, outer_upper: NDArray, outer_lower: NDArray
) -> NDArray[np.float32] | None:
    """[rows, columns] from -1, lip, to 1, not lip; None where the lips are too pale."""
    b, seam = strip.offsets[:, None] + strip.mid, (upper + lower) / 2
    light, red = strip.lab[..., 0], strip.lab[..., 1]
    ends = strip.columns // SIDES
    telling = np.zeros(strip.columns, bool)
    telling[ends:-ends] = True
    odds = []
    for half in ((b > outer_upper) & (b < seam) & telling, (b < outer_lower) & (b > seam) & telling):
        if not half.any():
            return None
        own_red = float(np.percentile(red[half], RED_PERCENTILE))
        if own_red < LEAST_RED:
            return None
        own_light = float(np.median(light[half][red[half] >= np.percentile(red[half], LIT_PERCENTILE)]))
        pale = (LESS_RED * own_red - red) / (RED_EASE * own_red)
        dark = (DARKER * own_light - light) / (DARK_EASE * max(own_light, 1.0))
        odds.append(np.maximum(np.clip(pale, -1, 1), np.clip(dark, -1, 1)))
    of_lower = np.clip(0.5 * (b - seam) / (HALVES_BLEND * strip.iod) + 0.5, 0, 1)
    mixed = (odds[0] * (1 - of_lower) + odds[1] * of_lower).astype(np.float32)
    return cv2.GaussianBlur(mixed, (0, 0), sigmaX=BLUR[0], sigmaY=BLUR[1])
