"""Lids of eyes that are not a photograph's: solid balls that are drawn too large, and blank ones of stone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from renderer_samples import closeup, portrait_of

from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.portrait.loading import load_picture

STATUE = Path(__file__).parents[1] / "golden/portraits/statue.webp"
BLINK = parameters(blink_l=1, blink_r=1)
BALL, IRIS, PUPIL, OUTLINE = (232, 206, 186), (60, 110, 190), (12, 14, 20), (70, 30, 24)


def with_solid_eyes(image: NDArray[np.uint8], irises: NDArray, iod: float) -> NDArray[np.uint8]:
    """The picture with large eyes in warm light painted over its own, as three-dimensional cartoons have them."""
    picture = image.copy()
    for iris in irises:
        center = tuple(int(v) for v in iris[0])
        axes = int(0.28 * iod), int(0.17 * iod)
        cv2.ellipse(picture, center, axes, 0, 0, 360, BALL, -1, cv2.LINE_AA)
        cv2.circle(picture, center, int(0.145 * iod), IRIS, -1, cv2.LINE_AA)
        cv2.circle(picture, center, int(0.06 * iod), PUPIL, -1, cv2.LINE_AA)
        cv2.ellipse(picture, center, axes, 0, 0, 360, OUTLINE, max(int(0.012 * iod), 1), cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def bluish(frame: NDArray[np.uint8]) -> int:
    red, _, blue = np.int16(frame).transpose(2, 0, 1)
    return int((blue > red + 30).sum())


def test_large_solid_eyes_close_over_the_iris():
    """The mesh takes them for smaller ones: lids that close by it would leave half the iris under them."""
    portrait = portrait_of(with_solid_eyes(closeup().image, closeup().irises, head_frame(closeup().landmarks).iod))
    renderer = PortraitRenderer(portrait)
    assert renderer.style == "photo"
    assert bluish(renderer.render(BLINK)) < 0.02 * bluish(portrait.image)


def test_a_statue_with_eyes_in_the_dark_does_not_blink():
    image = load_picture(STATUE).image
    plain = portrait_of(image)
    iod, shade = head_frame(plain.landmarks).iod, np.ones(image.shape[:2], np.float32)
    for iris in plain.irises:
        cv2.ellipse(shade, tuple(int(v) for v in iris[0]), (int(0.42 * iod), int(0.26 * iod)), 0, 0, 360, 0.3, -1)
    shaded = portrait_of(np.uint8(image * cv2.GaussianBlur(shade, (0, 0), 0.06 * iod)[..., None]))
    renderer = PortraitRenderer(shaded)
    assert renderer.style == "statue"
    assert np.array_equal(renderer.render(BLINK), shaded.image)
