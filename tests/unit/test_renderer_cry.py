"""A mouth open wider than the face mesh can follow is told and held still, instead of torn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from renderer_samples import closeup, portrait_of

from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.engines.lite.renderer.landmarks import CHIN, INNER_LOWER_LIP, OUTER_LOWER_LIP
from sonic_core.engines.lite.renderer.linear_light import to_linear, to_srgb
from sonic_core.portrait.portrait import Portrait

LIP = (178, 78, 84)


def opened(lip_at_the_chin: bool) -> Portrait:
    """The close-up with the mesh of an open mouth, and with a lower lip painted where that mesh has its chin."""
    iod, landmarks = head_frame(closeup().landmarks).iod, closeup().landmarks.copy()
    for indices, ends in ((INNER_LOWER_LIP, 0.15), (OUTER_LOWER_LIP, 0.15)):
        landmarks[list(indices)[1:-1], 1] += ends * iod
    image = closeup().image.copy()
    if lip_at_the_chin:
        x, y = (landmarks[CHIN, :2] - [0, 0.06 * iod]).astype(int)
        cv2.ellipse(image, (int(x), int(y)), (int(0.3 * iod), int(0.06 * iod)), 0, 0, 360, LIP, -1, cv2.LINE_AA)
    return replace(closeup(), image=image, landmarks=landmarks)


@pytest.mark.parametrize("lip_at_the_chin", [True, False])
def test_a_mouth_that_the_mesh_has_lost_is_held_still_and_told(lip_at_the_chin):
    portrait = opened(lip_at_the_chin)
    renderer = PortraitRenderer(portrait)
    moves = not np.array_equal(renderer.render(parameters(jaw=0.5, close=0.3, stretch=0.5)), portrait.image)
    assert moves == (not lip_at_the_chin)
    assert any("wider than the face mesh" in note for note in renderer.warnings) == lip_at_the_chin


def test_an_overexposed_smile_is_no_cry():
    """Cheeks that are white make the shadow below the chin look red beside them."""
    bright = to_srgb(np.minimum(to_linear(closeup().image) * 2**1.5, 1))
    assert not any("wider than the face mesh" in told for told in PortraitRenderer(portrait_of(bright)).warnings)
