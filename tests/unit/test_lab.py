import cv2
import numpy as np
import pytest

from sonic_core.lab import TO_XYZ, WHITE, lab_of_srgb, srgb_of_lab

COLOURS = np.random.default_rng(0).random((60, 70, 3)).astype(np.float32)
COLOURS[0], COLOURS[1], COLOURS[2] = 0, 1, COLOURS[2] * 0.04  # black, white, and the straight parts of both curves


def exact(srgb):
    """The same in double precision."""
    srgb = srgb.astype(np.float64)
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    share = light @ TO_XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def test_lab_is_exact():
    assert np.abs(lab_of_srgb(COLOURS) - exact(COLOURS)).max() < 1e-3


def test_a_picture_of_8_bits_has_the_lab_of_its_numbers():
    picture = np.round(COLOURS * 255).astype(np.uint8)
    assert np.abs(lab_of_srgb(picture) - exact(picture / 255)).max() < 1e-3


def test_lab_is_that_of_opencv_as_far_as_its_tables_go():
    assert np.abs(lab_of_srgb(COLOURS) - cv2.cvtColor(COLOURS, cv2.COLOR_RGB2Lab)).max() < 0.8


def test_the_way_back_gives_the_colours_again():
    assert np.abs(srgb_of_lab(lab_of_srgb(COLOURS)) - COLOURS).max() < 1e-4


@pytest.mark.parametrize("outside", [-0.3, 1.2])
def test_signals_outside_are_cut_off(outside):
    picture = np.full((2, 2, 3), outside, np.float32)
    assert np.array_equal(lab_of_srgb(picture), lab_of_srgb(np.clip(picture, 0, 1)))


def test_colours_that_srgb_cannot_show_stay_in_its_range():
    lab = np.array([[[50, 120, -120], [90, -120, 90], [0, 0, 0], [110, 0, 0]]], np.float32)
    back = srgb_of_lab(lab)
    assert np.isfinite(back).all()
    assert back.min() >= 0
    assert back.max() <= 1 + 1e-5
