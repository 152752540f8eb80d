"""How well two curves match at every shift within half a second, where they match best between the steps, and who confirms it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..curves import gaussian
from .audio_opening import CURVE_RATE
from .mouth_track import MouthTrack

MAX_LAG_MS = 500
STEP_MS = 1000 // CURVE_RATE
LAGS_MS: NDArray[np.int_] = np.arange(-MAX_LAG_MS, MAX_LAG_MS + STEP_MS, STEP_MS)
_TREND_S = 0.6
"""Slower changes than this are taken away: pauses and phrases match at almost any shift."""
_SLOPE_SIGMA_S = 0.02
_LIMIT = 2.0
"""Robust standard deviations at which a seen value counts for little more."""
_MOTION_WEIGHT, _LEAST_WEIGHT = 2.0, 0.05
_LOUD_RANGE_DB, _LOUD_SIGMA_S = 42.0, 0.025
AGREEMENT_MS = 35.0
"""Within this of the offset a plain witness confirms it: it is coarser than what it confirms, by the length of a picture."""


def match(track: MouthTrack, predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean normalised correlation of what is seen with what is predicted, `[len(LAGS_MS)]`, each within -1..1.

    predicted: opening at CURVE_RATE.  At lag L the mouth at time t is compared with the sound at t + L, so a peak at a
    positive lag means sound late against the mouth.  Witnesses: opening (all and pixels alone) and its slope, and the mouth's motion
    against the size of the predicted slope; a witness weighs as much as it agrees with the sound at its best shift.
    """
    count = len(predicted)
    sound, slope = _detrended(predicted), _slope(predicted)
    openings: list[NDArray[np.floating]] = [track.opening]
    if np.isfinite(track.pixels).sum() > 1:
        openings.append(_filled(track.pixels))
    moving = _at_curve_rate(track.motion, track.fps, count, delay=-0.5)
    parts = [_MOTION_WEIGHT * _weighed(correlate(_limited(_detrended(moving)), _detrended(np.abs(slope))))]
    for opening in openings:
        seen = _at_curve_rate(opening, track.fps, count)
        parts.append(_weighed(correlate(_limited(_detrended(seen)), sound)))
        parts.append(_weighed(correlate(_limited(_slope(seen)), slope)))
    weights, weighted = np.sum(parts, axis=0)
    return weighted / weights


def dissent(track: MouthTrack, loudness: NDArray[np.floating], offset_ms: float) -> int:
    """How many of two plain witnesses see the mouth follow the sound at another moment, or not at all: 0 to 2.

    Both know the sound by its loudness alone (peak amplitude at CURVE_RATE) and share nothing with what is heard of lips: the mesh's lip
    gap against the level, the motion of the mouth's picture against the change of the level.  Sound without any level convicts nobody.
    """
    if np.ptp(loudness) == 0:
        return 0
    level, count = _level(loudness), len(loudness)
    moving = _at_curve_rate(track.motion, track.fps, count, delay=-0.5)
    witnesses = [correlate(_limited(_detrended(moving)), _detrended(np.abs(_slope(level))))]
    if np.isfinite(track.mesh).sum() > 1:
        gap = _at_curve_rate(_filled(track.mesh), track.fps, count)
        witnesses.append(correlate(_limited(_detrended(gap)), _detrended(level)))
    return 2 - sum(abs(peak(witness)[0] - offset_ms) <= AGREEMENT_MS for witness in witnesses)


def correlate(seen: NDArray[np.floating], sound: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pearson correlation of seen(t) with sound(t + lag) over their overlap, for every lag of LAGS_MS; 0 where a curve is flat."""
    count = min(len(seen), len(sound))
    out = np.zeros(len(LAGS_MS))
    for i, lag in enumerate((LAGS_MS // STEP_MS).tolist()):
        a = seen[max(0, -lag) : count - max(0, lag)]
        b = sound[max(0, lag) : count - max(0, -lag)]
        if len(a) < CURVE_RATE // 2:
            continue
        a, b = a - a.mean(), b - b.mean()
        power = np.sqrt((a @ a) * (b @ b))
        out[i] = a @ b / power if power > 1e-9 else 0.0
    return out


def peak(curve: NDArray[np.floating]) -> tuple[float, float]:
    """Lag in ms and height of the largest value, refined by the parabola through its neighbours."""
    i = int(np.argmax(curve))
    if not 0 < i < len(curve) - 1:
        return float(LAGS_MS[i]), float(curve[i])
    left, middle, right = curve[i - 1 : i + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(LAGS_MS[i] + shift * STEP_MS), float(middle - 0.25 * (left - right) * shift)


def _level(loudness: NDArray[np.floating]) -> NDArray[np.float64]:
    """0 for silence to 1 for the recording's loud moments, and a little more, by decibels."""
    decibels = 20 * np.log10(np.maximum(loudness, 1e-5))
    above = decibels - np.percentile(decibels, 95) + _LOUD_RANGE_DB
    share = np.clip(above / _LOUD_RANGE_DB, 0, 1.1).astype(np.float64)
    return np.asarray(gaussian(share**2, _LOUD_SIGMA_S * CURVE_RATE), np.float64)


def _weighed(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """[2, len(LAGS_MS)]: the weight of a witness, and its correlation times that."""
    weight = max(float(correlation.max()), _LEAST_WEIGHT)
    return np.stack([np.full(len(correlation), weight), weight * correlation])


def _limited(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    """Large values bent towards a limit: a smile that comes back in a pause, or a frame misread, must not outweigh the speech."""
    centred = curve - np.median(curve)
    spread = 1.4826 * float(np.median(np.abs(centred)))
    return np.tanh(centred / (_LIMIT * spread)) if spread > 1e-9 else centred


def _at_curve_rate(curve: NDArray[np.floating], fps: float, count: int, delay: float = 0.0) -> NDArray[np.float64]:
    return np.interp(np.arange(count) / CURVE_RATE, (np.arange(len(curve)) + delay) / fps, curve)


def _detrended(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    return curve - gaussian(curve, _TREND_S * CURVE_RATE)


def _slope(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    if len(curve) < 2:
        return np.zeros(len(curve))
    return np.gradient(gaussian(curve, _SLOPE_SIGMA_S * CURVE_RATE))


def _filled(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    seen = np.flatnonzero(np.isfinite(curve))
    return np.interp(np.arange(len(curve)), seen, curve[seen])
