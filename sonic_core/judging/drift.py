"""Drift: whether the offset between sound and mouth grows along a clip, from the match of every stretch at every shift.

Clocks that run apart (a camera and a recorder), or a video whose 29.97 frames per second were taken for 30, move sound and picture apart
evenly.  All stretches vote together for one straight line, so that a stretch which alone says nothing still counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .correlation import LAGS_MS, peak

LARGEST_DRIFT = 300.0
"""ms per minute (0.5 %), either way: 29.97 against 30 is 60. A film sped up from 24 to 25 frames (2500) is another kind of fault."""
SHORTEST_S = 20.0
"""s; in a shorter clip no drift is looked for."""
SMALLEST_CHANGE_MS = 40.0
"""Over the whole clip; a smaller one is not told from the unrest of the measurement and is not seen either."""
MIN_GAIN = 0.015
"""By how much the line must match better than any constant offset (mean correlation)."""
_STEP_MS = 4.0
"""Between two candidates, at the ends of the clip."""
_BATCH = 64


@dataclass(frozen=True)
class Drift:
    """A straight line through a clip's offsets.

    ms_per_minute: growth of the offset, NaN when none could be measured.  offset_ms: in the middle of the clip.
    gain: how much better the line matches than the best constant offset.  trusted: it is there, and worth a correction.
    """

    ms_per_minute: float = float("nan")
    offset_ms: float = float("nan")
    gain: float = 0.0
    trusted: bool = False


def fit_drift(matches: NDArray[np.float64], centres: NDArray[np.float64], seconds: float) -> Drift:
    """The line that most stretches agree on.

    matches: [S, len(LAGS_MS)] correlation of each stretch at every lag.  centres: [S] middle of each, s.  seconds: of the whole clip.
    """
    if seconds < SHORTEST_S or len(matches) < 4:
        return Drift()
    minutes = (centres - seconds / 2) / 60
    most = LARGEST_DRIFT
    rates = np.arange(-most, most + 1e-9, _STEP_MS / (seconds / 120))
    rates -= rates[np.argmin(np.abs(rates))]
    scores = np.concatenate(
        [_along(matches, minutes, part) for part in np.array_split(rates, len(rates) // _BATCH + 1)]
    )
    best = int(np.argmax(scores.max(axis=1)))
    offset, height = peak(scores[best])
    rate = rates[best] + _between(scores.max(axis=1), best) * (rates[1] - rates[0])
    constant = peak(_along(matches, minutes, np.zeros(1))[0])[1]
    gain = height - constant
    change = abs(rate) * seconds / 60
    inside = abs(rate) < most - (rates[1] - rates[0])
    trusted = bool(inside and change >= SMALLEST_CHANGE_MS and gain >= MIN_GAIN)
    return Drift(float(rate), offset, float(gain), trusted)


def without_drift(curve: NDArray[np.floating], rate: float, ms_per_minute: float) -> NDArray[np.float32]:
    """A curve of the sound (`rate` values per second) stretched so that its offset stays what it is in the middle."""
    times = np.arange(len(curve)) / rate
    middle = len(curve) / rate / 2
    return np.interp(times + (times - middle) * ms_per_minute / 60_000, times, curve).astype(np.float32)


def _along(
    matches: NDArray[np.float64], minutes: NDArray[np.float64], rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean match `[len(rates), len(LAGS_MS)]` along lines that pass the middle at each lag and grow by each rate."""
    step = LAGS_MS[1] - LAGS_MS[0]
    out = np.zeros((len(rates), len(LAGS_MS)))
    lags = np.arange(len(LAGS_MS))
    for curve, minute in zip(matches, minutes, strict=True):
        place = lags[None] + (rates * minute / step)[:, None]
        low = np.floor(place).astype(int)
        part = place - low
        inside = (low >= 0) & (low < len(curve) - 1)
        low = np.clip(low, 0, len(curve) - 2)
        out += np.where(inside | (place == len(curve) - 1), (1 - part) * curve[low] + part * curve[low + 1], 0.0)
    return out / len(matches)


def _between(heights: NDArray[np.float64], best: int) -> float:
    """Place of the peak between the steps, -0.5 to 0.5."""
    if not 0 < best < len(heights) - 1:
        return 0.0
    left, middle, right = heights[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0
