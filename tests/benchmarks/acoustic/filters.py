"""Filters for curves over time, none of which delays: sliding extremes, running percentiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sonic_core.curves import gaussian

from .features import FRAME_RATE

Curve = NDArray[np.float32]


def smooth(curve: Curve, sigma: float, rate: float = FRAME_RATE) -> Curve:
    """Gaussian of `sigma` seconds; the ends continue as they are."""
    return gaussian(curve, sigma * rate, reach=3.5).astype(np.float32)


def moving_mean(curve: Curve, width: int) -> Curve:
    """Mean over `width` samples (odd) around each."""
    return np.convolve(np.pad(curve, width // 2, mode="edge"), np.full(width | 1, 1 / (width | 1)), "valid").astype(
        np.float32
    )


def moving_max(curve: Curve, width: int) -> Curve:
    """Largest of `width` samples (made odd) around each."""
    half = width // 2
    return np.lib.stride_tricks.sliding_window_view(np.pad(curve, half, mode="edge"), 2 * half + 1).max(axis=1)


def moving_min(curve: Curve, width: int) -> Curve:
    """Smallest of `width` samples (made odd) around each."""
    return -moving_max(-curve, width)


def forward_max(curve: Curve, reach: float, rate: float = FRAME_RATE) -> Curve:
    """Largest value from each moment to `reach` seconds later."""
    ahead = round(reach * rate)
    return np.lib.stride_tricks.sliding_window_view(np.pad(curve, (0, ahead), mode="edge"), ahead + 1).max(axis=1)


def shifted(curve: Curve, frames: int) -> Curve:
    """The curve `frames` later (negative: earlier); the ends continue as they are."""
    return curve[np.clip(np.arange(len(curve)) - frames, 0, len(curve) - 1)]


def running_percentile(
    curve: Curve, percent: float, window: float, where: NDArray[np.bool_] | None = None, rate: float = FRAME_RATE
) -> Curve:
    """Percentile over `window` seconds around each moment, taken at quarter windows and interpolated.

    where: only these samples count; where a window has none of them, those of the whole curve, and if there are none, all samples.
    """
    count = len(curve)
    where = np.ones(count, bool) if where is None or not where.any() else where
    whole = np.percentile(curve[where], percent)
    half, step = max(1, round(window * rate / 2)), max(1, round(window * rate / 4))
    knots = np.arange(0, count + step, step)
    values = []
    for knot in knots:
        begin, end = max(0, knot - half), knot + half
        chosen = curve[begin:end][where[begin:end]]
        values.append(np.percentile(chosen, percent) if len(chosen) >= 0.1 * half else whole)
    return np.interp(np.arange(count), knots, values).astype(np.float32)
