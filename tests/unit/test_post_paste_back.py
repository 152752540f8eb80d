"""Paste-back of frames that an engine drew anew: colours and grain of the photograph, every bit outside the crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from portrait_samples import sample

from sonic_core.post.colour_match import LIMITS, fit_correction, noise_level
from sonic_core.post.paste_back import PasteBack

BOX = (60, 40, 316, 296)
INNER = (slice(80, 250), slice(100, 270))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(sample(), (384, 384), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def crop(picture):
    x0, y0, x1, y1 = BOX
    return picture[y0:y1, x0:x1]


def tinted(image: np.ndarray) -> np.ndarray:
    """Warmer, flatter and brighter, as a decoder may draw it."""
    return np.clip(image.astype(float) * (0.94, 0.9, 0.84) + (14, 10, 8), 0, 255).round().astype(np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean Lab distance."""
    labs = [cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for image in (a, b)]
    return float(np.linalg.norm(labs[0] - labs[1], axis=2).mean())


def test_a_tint_is_taken_out_again(picture, crop):
    frame = tinted(crop)
    plain = PasteBack(picture, BOX)
    before = distance(plain.apply(frame)[INNER], picture[INNER])
    after = distance(plain.matched(frame).apply(frame)[INNER], picture[INNER])
    assert before > 4
    assert after < 0.25 * before


def test_outside_the_box_every_bit_is_kept(picture, crop):
    whole = PasteBack(picture, BOX).matched(tinted(crop)).apply(tinted(crop))
    x0, y0, x1, y1 = BOX
    outside = np.ones(whole.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(whole[outside], picture[outside])


def test_a_frame_that_is_the_picture_comes_back_bit_for_bit(picture, crop):
    assert fit_correction(crop, crop) is None
    np.testing.assert_array_equal(next(PasteBack(picture, BOX).stream([crop])), picture)


def test_a_foreign_colour_moves_no_further_than_the_limits(crop):
    blue = np.zeros_like(crop)
    blue[..., 2] = 200
    changed = fit_correction(blue, crop).apply(blue)
    a, b = (
        cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean(axis=(0, 1)) for image in (blue, changed)
    )
    assert (np.abs(a - b) <= LIMITS + 2).all()


def test_the_correction_is_fixed_by_the_first_frame_and_cannot_flicker(picture, crop):
    frame = tinted(crop)
    other = np.ascontiguousarray(frame[:, ::-1])
    whole = list(PasteBack(picture, BOX).stream([frame, other, frame]))
    np.testing.assert_array_equal(whole[0], whole[2])
    np.testing.assert_array_equal(whole[1], PasteBack(picture, BOX).matched(frame).apply(other))


def test_the_mouth_keeps_its_opening(picture, crop):
    """A dark mouth that comes up after the first frame is not brightened away."""
    first, later = tinted(crop), tinted(crop)
    later[150:170, 110:150] = 20
    whole = list(PasteBack(picture, BOX).stream([first, later]))
    assert whole[1][40 + 155 : 40 + 165, 60 + 115 : 60 + 145].mean() < 40


def test_grain_of_the_photograph_is_kept(picture):
    noise = np.random.default_rng(1).normal(0, 5, picture.shape[:2])[..., None]
    grainy = np.clip(picture + noise, 0, 255).round().astype(np.uint8)
    x0, y0, x1, y1 = BOX
    frame = cv2.GaussianBlur(picture, (0, 0), 0.8)[y0:y1, x0:x1]
    whole = PasteBack(grainy, BOX).matched(frame).apply(frame)
    flat = np.zeros(picture.shape[:2], bool)
    flat[INNER] = True
    wanted, without, got = (noise_level(image, flat) for image in (grainy, PasteBack(grainy, BOX).apply(frame), whole))
    assert without < 0.5 * wanted
    assert 0.7 * wanted < got < 1.3 * wanted
