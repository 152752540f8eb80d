"""Skin drawn over a hole meets what is round it."""

from __future__ import annotations

import numpy as np

from sonic_core.engines.lite.renderer.membrane import membrane, spread

IOD = 60.0


def socket():
    """A shadow that runs over the picture, and a hole of other colours in its middle."""
    y, x = np.mgrid[0:80, 0:120].astype(np.float32)
    shadow = np.stack([60 + x, 40 + 0.6 * x + 0.3 * y, 30 + 0.5 * y], -1)
    hole = np.hypot((x - 60) / 26, (y - 40) / 16) < 1
    return shadow, np.where(hole[..., None], 255, shadow).astype(np.float32), hole


def test_a_shadow_goes_on_over_the_hole_without_a_step():
    shadow, picture, hole = socket()
    trust = np.where(hole, 0, 1).astype(np.float32)
    start = spread(picture, trust + np.float32(1e-5), ((0.1, 1.0), (0.45, 0.01)), IOD)
    assert np.abs(membrane(picture, trust, start, IOD) - shadow)[hole].max() < 4


def test_what_is_not_trusted_does_not_pull():
    shadow, picture, hole = socket()
    brow = np.zeros_like(hole)
    brow[20:25, 30:90] = True
    picture[brow] = 0
    trust = np.where(hole | brow, 0, 1).astype(np.float32)
    start = spread(picture, trust + np.float32(1e-5), ((0.1, 1.0), (0.45, 0.01)), IOD)
    assert np.abs(membrane(picture, trust, start, IOD) - shadow)[hole].max() < 6
