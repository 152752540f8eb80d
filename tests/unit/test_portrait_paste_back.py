"""Paste-back of frames that an engine drew anew: colours and grain of the photograph, every bit outside the crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from portrait_samples import sample

from sonic_core.portrait.colour_match import LIMITS, fit_correction, noise_level
from sonic_core.portrait.paste_back import PasteBack

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
    changed = fit_correction(blue, crop).recolour(blue)
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


def test_grain_is_as_coarse_as_the_photographs(picture, crop):
    """Grain of a scan or a JPEG is wider than a pixel; white noise beside it would show."""
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 12, picture.shape[:2]), (0, 0), 1.0)[..., None]
    grainy = np.clip(picture + noise, 0, 255).round().astype(np.uint8)
    x0, y0, x1, y1 = BOX
    frame = cv2.GaussianBlur(picture, (0, 0), 0.8)[y0:y1, x0:x1]
    added = fit_correction(frame, grainy[y0:y1, x0:x1]).grain[..., 0].astype(np.float32)

    def look(field: np.ndarray) -> tuple[float, float]:
        """Strength, and likeness of neighbours."""
        return field.std(), np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1]

    (strength, coarseness), (wanted, likeness) = look(added), look(noise[y0:y1, x0:x1, 0])
    assert coarseness == pytest.approx(likeness, abs=0.12)
    assert 0.6 * wanted < strength < 1.2 * wanted


@pytest.mark.parametrize("box", [(0, 0, 151, 133), (232, 251, 383, 384), (0, 40, 383, 201), (101, 83, 260, 250)])
@pytest.mark.parametrize("size", [(97, 121), (640, 500)])
def test_odd_boxes_at_any_border_keep_what_is_outside_and_end_without_a_seam(picture, box, size):
    odd = np.ascontiguousarray(picture[:, :383])
    x0, y0, x1, y1 = box
    frame = np.full((size[0], size[1], 3), 255, np.uint8)
    black = np.zeros_like(odd)
    whole = PasteBack(black, box).apply(frame)[..., 0].astype(int)
    outside = np.ones(whole.shape, bool)
    outside[y0:y1, x0:x1] = False
    assert not whole[outside].any()
    assert whole[(y0 + y1) // 2, (x0 + x1) // 2] == 255
    steepest = max(np.abs(np.diff(whole, axis=axis)).max() for axis in (0, 1))
    assert steepest <= 255 * 1.6 / (0.06 * min(x1 - x0, y1 - y0))
    for edge, at_picture in zip(
        (whole[:, x0], whole[y0], whole[:, x1 - 1], whole[y1 - 1]),
        (x0 == 0, y0 == 0, x1 == 383, y1 == 384),
        strict=True,
    ):
        assert (edge.max() == 255) == at_picture, "it fades inside the picture and not at its border"


def test_memory_for_a_large_picture_does_not_grow_with_the_clip():
    import tracemalloc

    large = np.zeros((3000, 4000, 3), np.uint8)
    frame = np.full((256, 256, 3), 90, np.uint8)
    paste = PasteBack(large, (1500, 700, 2500, 1700))
    peaks = []
    for length in (2, 6):
        tracemalloc.start()
        for whole in paste.stream(frame for _ in range(length)):
            assert whole.shape == large.shape
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0] < 8 * large.nbytes


def test_colours_are_matched_alike_in_a_smaller_frame(picture, crop):
    """A frame is matched in its own size where it is smaller than its place; the look must not depend on that."""
    frame = tinted(crop)
    paste = PasteBack(picture, BOX).matched(frame)
    small = cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA)
    assert distance(paste.apply(small)[INNER], picture[INNER]) < distance(paste.apply(frame)[INNER], picture[INNER]) + 3
    colours = (cv2.blur(paste.apply(image), (25, 25))[INNER] for image in (small, frame))
    assert np.abs(np.subtract(*(values.astype(int) for values in colours))).max() <= 4
