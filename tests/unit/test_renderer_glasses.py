"""A blink behind glasses: the eye closes, the glasses stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from renderer_samples import closeup, portrait_of, renderer

from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.coverings import find_coverings
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.engines.lite.renderer.palette import skin_lab

RIM = (34, 26, 22)
BLINK = parameters(blink_l=1, blink_r=1)


def glasses() -> NDArray[np.uint8]:
    """[H, W] 255 where a dark frame is drawn on the close-up: its upper rim runs between brow and lid."""
    iod = head_frame(closeup().landmarks).iod
    frame = np.zeros(closeup().image.shape[:2], np.uint8)
    thickness = int(0.05 * iod)
    centers = [tuple((iris[0] + [0, 0.12 * iod]).astype(int)) for iris in closeup().irises]
    for center in centers:
        cv2.ellipse(frame, center, (int(0.38 * iod), int(0.30 * iod)), 0, 0, 360, 255, thickness, cv2.LINE_AA)
    inner = [(x + sign * int(0.38 * iod), y) for (x, y), sign in zip(sorted(centers), (1, -1), strict=True)]
    cv2.line(frame, *inner, 255, thickness, cv2.LINE_AA)
    return frame


@pytest.fixture(scope="module")
def wearer() -> PortraitRenderer:
    worn = glasses()[..., None] / 255
    picture = closeup().image * (1 - worn) + np.array(RIM) * worn
    return PortraitRenderer(portrait_of(picture.round().astype(np.uint8)))


def test_glasses_are_seen(wearer):
    assert any("Glasses" in note for note in wearer.notes)


def test_lids_close_behind_the_rims(wearer):
    shut = wearer.render(BLINK).astype(int)
    rims = glasses() == 255
    assert np.abs(shut - np.array(RIM))[rims].mean() < 4


def test_the_eyes_close_behind_glasses(wearer):
    shut, eyes = wearer.render(BLINK), closeup().irises
    for iris in eyes:
        x, y = iris[0].astype(int)
        r = max(2, int(0.3 * np.linalg.norm(iris[1] - iris[0])))
        patch = np.s_[y - r : y + r, x - r : x + r]
        assert shut[patch].mean() > closeup().image[patch].mean() + 30


def test_nothing_is_taken_for_glasses_on_a_bare_face():
    assert renderer()._model.eyelids.glasses == (None, None)


@pytest.mark.parametrize("below_eyes", [-0.16, -0.10, -0.04])
def test_a_fringe_is_no_pair_of_glasses(below_eyes):
    """One edge across the nose bridge, dark above."""
    head = head_frame(closeup().landmarks)
    picture = closeup().image.copy()
    picture[: int(head.eye_center[1] + below_eyes * head.iod)] = (70, 45, 25)
    assert not find_coverings(
        picture, head, renderer()._model.mouth, skin_lab(closeup().image, closeup().landmarks, head.iod), 2.0
    ).glasses
