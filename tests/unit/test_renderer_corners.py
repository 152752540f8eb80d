"""Corners of a mouth that the picture shows open: no holes beside the teeth, and no more motion than they bear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from renderer_samples import closeup

from sonic_core.engines.lite.renderer.geometry import pixel_grid
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.engines.lite.renderer.mouth_coordinates import MouthLayer
from sonic_core.engines.lite.renderer.mouth_fields import mouth_fields
from sonic_core.engines.lite.renderer.mouth_layers import mouth_box
from sonic_core.engines.lite.renderer.mouth_shape import MouthShape, mouth_shape
from sonic_core.engines.lite.renderer.photo_interior import cut_interior


def pictured() -> MouthShape:
    return mouth_shape(closeup().image, closeup().landmarks, head_frame(closeup().landmarks))


def test_what_the_picture_shows_between_the_lips_goes_on_beside_them():
    """Stretched lips would show a hole where it ends: it goes on, and darkens."""
    mouth = pictured()
    box = mouth_box(mouth)
    inside = cut_interior(closeup().image, mouth, pixel_grid(*box), box[:2])
    assert inside is not None
    opening = np.flatnonzero(mouth.gap > 0.3 * mouth.gap.max())
    end, b = mouth.a[opening[0]], mouth.seam[opening[0]]
    colors = []
    for distance in (-0.1, 0.0, 0.2):  # half widths beyond the end
        x, y = mouth.frame.to_image(end - distance * mouth.half_width, b)
        red, green, blue, cover = inside.speaking[round(y) - box[1], round(x) - box[0]]
        assert cover > 0.4
        colors.append((red + green + blue) / cover)
    assert colors[0] > colors[1] > colors[2] > 0.1 * colors[1]


def corner_motion(mouth: MouthShape, field: str) -> float:
    """Largest displacement by a field at full strength, px."""
    x, y = (v.astype(float) for v in np.meshgrid(np.arange(0, 512, 4), np.arange(0, 512, 4)))
    layer = MouthLayer.at(mouth, x, y, np.ones_like(x), "upper")
    return float(np.abs(mouth_fields(layer, mouth, head_frame(closeup().landmarks))[field]).max())


def test_the_corners_of_a_round_opening_are_drawn_apart_less():
    smiling = pictured()
    opening = 0.6 * smiling.half_width * (1 - np.linspace(-1, 1, len(smiling.a)) ** 4)
    crying = replace(smiling, lower=smiling.upper + opening, outer_lower=smiling.upper + opening + 0.1 * smiling.iod)
    for field in ("stretch", "smile"):
        assert corner_motion(crying, field) < 0.6 * corner_motion(smiling, field)
