"""Lips that a picture shows a little apart: their edges are where lip ends, and nothing else parts them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sonic_core.engines.lite.renderer.lip_line import LipLine, LipStrip
from sonic_core.engines.lite.renderer.parted_lips import parted_line

IOD, COLUMNS = 100.0, 161
OFFSETS = np.arange(-24, 24, 0.5)
SKIN, LIP, TEETH, DARK = (75, 12, 16), (50, 36, 16), (72, 4, 10), (12, 6, 4)
OUTER = np.full(COLUMNS, 14.0)  # px from the mid line to either border of the lips


def strip_of(above: NDArray[np.float64], below: NDArray[np.float64], inside: tuple[int, int, int]) -> LipStrip:
    """Red lips whose edges lie at -above and below (px, [COLUMNS]) of the mid line, with a gleam on the lower one."""
    b = np.repeat(OFFSETS[:, None], COLUMNS, axis=1)
    lab = np.where((np.abs(b) < OUTER)[..., None], LIP, SKIN)
    lab[(b > 8) & (b < 10) & (np.abs(np.arange(COLUMNS) - 60) < 8)] = (85, 8, 8)
    lab[(b > -above) & (b < below)] = inside
    return LipStrip(lab.astype(np.float32), OFFSETS, np.zeros(COLUMNS), 2, IOD)


def found(strip: LipStrip) -> LipLine:
    """The line of a parted mouth whose edges were searched 2 px too far up."""
    before = LipLine(np.full(COLUMNS, -4.0), np.zeros(COLUMNS), 2.0, (2.0, 2.0), parted=True)
    return parted_line(strip, before, np.full(COLUMNS, -1.0), np.full(COLUMNS, 1.0), -OUTER, OUTER)


@pytest.mark.parametrize("shift", [-2, 0, 2])
def test_the_edges_are_where_teeth_begin(shift):
    arch = np.sqrt(np.clip(1 - np.linspace(-1.1, 1.1, COLUMNS) ** 2, 0, 1))
    above, below = 3 * arch - shift, 3 * arch + shift
    line, middle = found(strip_of(above, below, TEETH)), slice(30, -30)
    assert line.parted
    assert np.abs(line.upper + above)[middle].max() < 0.012 * IOD
    assert np.abs(line.lower - below)[middle].max() < 0.012 * IOD


def test_a_gleam_and_a_dark_seam_part_no_lips():
    line = found(strip_of(np.full(COLUMNS, 1.5), np.full(COLUMNS, 1.5), DARK))
    assert not line.parted
    assert (line.upper == line.lower).all()


def test_pale_lips_keep_the_line_that_was_found():
    strip = strip_of(np.full(COLUMNS, 3.0), np.full(COLUMNS, 3.0), TEETH)
    grey = LipStrip(strip.lab * np.float32([1, 0.1, 0.1]), strip.offsets, strip.mid, strip.per_px, strip.iod)
    assert (found(grey).upper == -4).all()
