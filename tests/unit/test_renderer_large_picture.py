"""A face in the corner of a larger picture with transparent parts: what lies around the part that is worked on is never drawn."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from renderer_samples import FACE, portrait_of, speech_track

from sonic_core.engines.lite.parameters import neutral, parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.portrait.loading import load_picture
from sonic_core.samples import PORTRAIT

SIDE = 300  # of the face's part, px
CORNERS = {"above left": np.s_[:SIDE, :SIDE], "below right": np.s_[-SIDE:, -SIDE:]}
POSES = {"still": neutral(), "turned": parameters(yaw=6, tx=0.05, jaw=0.5), "a lid": parameters(blink_l=1)}


@cache
def corner(name: str) -> PortraitRenderer:
    picture = np.random.default_rng(2).integers(1, 255, (700, 900, 4), np.uint8)
    picture[CORNERS[name]] = 255
    face = load_picture(PORTRAIT).image[FACE]
    picture[CORNERS[name]][..., :3] = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return PortraitRenderer(portrait_of(picture))


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("name", CORNERS)
def test_all_but_the_part_that_is_worked_on_is_the_picture(name, pose):
    renderer = corner(name)
    x0, y0, x1, y1 = renderer._box
    assert (x1 - x0) * (y1 - y0) < 0.6 * 700 * 900
    around = np.ones((700, 900), bool)
    around[y0:y1, x0:x1] = pose == "still"
    frame, picture = renderer.render_with_alpha(POSES[pose]), renderer._picture
    assert np.array_equal(frame[around], picture[around])
    if pose != "still":
        assert (frame[~around] != picture[~around]).any()


def test_no_pixel_of_a_frame_is_left_as_the_memory_was(monkeypatch):
    """Frames are made in memory that nobody cleared."""
    renderer, empty = corner("below right"), np.empty
    for vector in (*POSES.values(), speech_track()[8]):
        frames = []
        for value in (0, 255):
            with monkeypatch.context() as patch:
                patch.setattr(np, "empty", lambda *args, value=value, **kwargs: _filled(empty(*args, **kwargs), value))
                frames.append(renderer.render_with_alpha(vector))
        assert np.array_equal(*frames)


def _filled(array: np.ndarray, value: int) -> np.ndarray:
    array.fill(value)
    return array
