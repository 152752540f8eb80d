"""Smoothing of curves over time, without delay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float32]


def smooth(curve: Curve, sigma: float, rate: float) -> Curve:
    """Gaussian of `sigma` seconds; the ends continue as they are."""
    spread = sigma * rate
    radius = int(3.5 * spread) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / spread) ** 2)
    return np.convolve(np.pad(curve, radius, mode="edge"), kernel / kernel.sum(), "valid").astype(np.float32)
