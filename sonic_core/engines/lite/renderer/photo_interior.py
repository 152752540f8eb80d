"""The inside of the mouth as the picture shows it, cut out as a layer that stays with the skull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .geometry import remap, running_median, sample_linear, smooth_curve
from .linear_light import lab_of, to_linear
from .mouth_shape import SAMPLES, MouthShape


@dataclass(frozen=True)
class PhotoInterior:
    """Premultiplied linear RGBA float32 over the box whose corner is `origin` (px).

    speaking: clear of the lips, its first row continued upwards.  resting: the untouched pixels, a little beyond the lip edges.
    jaw: what of it belongs to the lower jaw (a visible row of lower teeth) and is left out of `speaking`, or None.
    replaces_teeth: it shows enough to be used at every opening; otherwise it fades as the mouth opens.
    """

    speaking: NDArray[np.float32]
    resting: NDArray[np.float32]
    jaw: NDArray[np.float32] | None
    origin: tuple[int, int]
    replaces_teeth: bool


def cut_interior(
    image: NDArray[np.uint8], mouth: MouthShape, positions: NDArray[np.float32], origin: tuple[int, int]
) -> PhotoInterior | None:
    """positions: [h, w, 2] px of the box to fill.  None where the picture's lips are closed."""
    if not mouth.shows_inside:
        return None
    edge = max(1.2, 0.014 * mouth.iod)
    a, b = mouth.frame.to_local(positions[..., 0], positions[..., 1])
    upper, lower, side = mouth.at(mouth.upper, a), mouth.at(mouth.lower, a), np.abs(mouth.relative(a))

    first_row = np.minimum(upper + edge, (upper + lower) / 2)
    color = to_linear(sample_linear(image, *mouth.frame.to_image(a, np.maximum(b, first_row))))
    cover = np.clip((lower - 0.8 * edge - b) / (0.8 * edge), 0, 1)
    cover *= smoothstep((b - upper + 0.16 * mouth.iod) / (0.06 * mouth.iod))
    cover *= smoothstep((lower - upper) / (2.2 * edge) - 0.2) * smoothstep((1 - side) / 0.12)

    split = _lower_teeth(image, mouth) if mouth.wide_open else None
    jaw = None
    if split is not None:
        of_jaw = smoothstep((b - mouth.at(split, a)) / (0.06 * mouth.iod) + 0.5)
        jaw = _premultiplied(color, cover * of_jaw)
        cover = cover * (1 - of_jaw)

    untouched = to_linear(remap(image, positions))
    full = np.clip((b - upper + 3 * edge) / edge, 0, 1) * np.clip((lower + 3 * edge - b) / edge, 0, 1) * (side < 1.05)
    return PhotoInterior(
        _premultiplied(color, cover), _premultiplied(untouched, full), jaw, origin, replaces_teeth=mouth.wide_open
    )


def _lower_teeth(image: NDArray[np.uint8], mouth: MouthShape) -> NDArray[np.float64] | None:
    """b [SAMPLES] where a row of lower teeth begins, apart from what is above it by darkness; None where there is none."""
    shares = np.linspace(0.06, 0.94, 34)
    b = mouth.upper + shares[:, None] * mouth.gap
    lab = lab_of(to_linear(sample_linear(image, *mouth.frame.to_image(mouth.a[None, :], b))))
    light = cv2.GaussianBlur(lab[..., 0], (0, 0), sigmaX=2, sigmaY=1)
    pale = light * (np.hypot(lab[..., 1], lab[..., 2]) < 24)
    inner = (shares > 0.3) & (shares < 0.85)
    darkest = np.argmin(np.where(inner[:, None], light, np.inf), axis=0)
    below = np.arange(len(shares))[:, None] > darkest
    lower, upper = (np.max(pale * side, axis=0) for side in (below, ~below))
    dark = light[darkest, np.arange(SAMPLES)]
    thick = ((pale > dark + 20) & below).mean(0) > 0.10
    found = (lower > dark + 25) & (upper > dark + 10) & thick
    middle = slice(SAMPLES // 4, 3 * SAMPLES // 4)
    if found[middle].mean() < 0.5:
        return None
    share = np.interp(np.arange(SAMPLES), np.flatnonzero(found), shares[darkest[found]])
    return mouth.upper + smooth_curve(running_median(share, 8), 6) * mouth.gap


def _premultiplied(color: NDArray, cover: NDArray) -> NDArray[np.float32]:
    return np.dstack([color * cover[..., None], cover]).astype(np.float32)
