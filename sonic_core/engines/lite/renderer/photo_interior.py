"""The inside of the mouth as the picture shows it, cut out as a layer that stays with the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import remap, sample_linear, smoothstep
from .linear_light import to_linear
from .mouth_shape import MouthShape


@dataclass(frozen=True)
class PhotoInterior:
    """Premultiplied linear RGBA float32 over the box whose corner is `origin` (px).

    speaking: clear of the lips, its first row continued upwards.  resting: the untouched pixels, a little beyond the lip edges.
    replaces_teeth: it shows enough to be used at every opening; otherwise it fades as the mouth opens.
    """

    speaking: NDArray[np.float32]
    resting: NDArray[np.float32]
    origin: tuple[int, int]
    replaces_teeth: bool


def cut_interior(
    image: NDArray[np.uint8], mouth: MouthShape, positions: NDArray[np.float32], origin: tuple[int, int]
) -> PhotoInterior | None:
    """positions: [h, w, 2] px of the box to fill.  None where the picture's lips are closed."""
    if not mouth.shows_inside:
        return None
    edge = max(1.2, 0.014 * mouth.iod)
    a, b = mouth.frame.to_mouth(positions[..., 0], positions[..., 1])
    upper, lower, side = mouth.at(mouth.upper, a), mouth.at(mouth.lower, a), np.abs(mouth.relative(a))

    first_row = np.minimum(upper + edge, (upper + lower) / 2)
    color = to_linear(sample_linear(image, *mouth.frame.to_image(a, np.maximum(b, first_row))))
    cover = np.clip((lower - 0.8 * edge - b) / (0.8 * edge), 0, 1)
    cover *= smoothstep((b - upper + 0.16 * mouth.iod) / (0.06 * mouth.iod))
    cover *= smoothstep((lower - upper) / (2.2 * edge) - 0.2) * smoothstep((1 - side) / 0.12)

    untouched = to_linear(remap(image, positions))
    full = np.clip((b - upper + 3 * edge) / edge, 0, 1) * np.clip((lower + 3 * edge - b) / edge, 0, 1) * (side < 1.05)
    return PhotoInterior(
        _premultiplied(color, cover), _premultiplied(untouched, full), origin, replaces_teeth=mouth.wide_open
    )


def _premultiplied(color: NDArray, cover: NDArray) -> NDArray[np.float32]:
    return np.dstack([color * cover[..., None], cover]).astype(np.float32)
