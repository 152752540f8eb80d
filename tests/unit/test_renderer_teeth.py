"""Drawn teeth show where a mouth shows them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from renderer_samples import portrait_of

from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.portrait.loading import load_picture

CLOSED_LIPS = Path(__file__).parents[1] / "golden/portraits"
EE = parameters(jaw=0.25, stretch=0.9, lowdep=0.25, upraise=0.15)
OO = parameters(jaw=0.24, pucker=0.95)


def light_in_the_opening(image: NDArray[np.uint8], pose: NDArray[np.float32]) -> float:
    """Mean CIE L of the least red tenth between the lips, in the middle of the mouth: teeth where there are some."""
    portrait = portrait_of(image)
    frame, iod = PortraitRenderer(portrait).render(pose), head_frame(portrait.landmarks).iod
    x, y = portrait.landmarks[[13, 14], :2].mean(0)
    area = frame[int(y - 0.03 * iod) : int(y + 0.09 * iod), int(x - 0.10 * iod) : int(x + 0.10 * iod)]
    light, red, _ = cv2.cvtColor(area, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(float).T
    return float(light[red <= np.percentile(red, 10)].mean() / 2.55)


@pytest.mark.parametrize("name", ["dark_skin", "glasses"])
def test_rounded_lips_come_down_over_the_teeth(name):
    """oo is a dark opening, not a plate of teeth; ee shows them."""
    image = load_picture(CLOSED_LIPS / f"{name}.webp").image
    assert light_in_the_opening(image, OO) < 0.4 * light_in_the_opening(image, EE)


def test_an_opening_that_shows_no_teeth_gets_drawn_ones():
    """The statue's mouth counts as open and is dark: aa would be a black hole."""
    portrait = portrait_of(load_picture(CLOSED_LIPS / "statue.webp").image)
    renderer = PortraitRenderer(portrait)
    assert renderer._model.mouth.wide_open
    frame, iod = renderer.render(parameters(jaw=1, rest=0.45)), head_frame(portrait.landmarks).iod
    mouth = renderer._model.mouth
    x, y = (float(v) for v in mouth.frame.to_image(0.0, mouth.at(mouth.upper, 0.0)))
    column = frame[int(y) : int(y + 0.25 * iod), int(x - 0.03 * iod) : int(x + 0.03 * iod)].mean((1, 2))
    assert column[: np.flatnonzero(column < 60)[0]].max() > 0.65 * frame[int(y + 0.8 * iod), int(x)].mean()
