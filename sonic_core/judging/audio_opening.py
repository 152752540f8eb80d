"""How far a recording alone says the mouth is open: a small speech-signal predictor, for measuring synchrony."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..curves import gaussian

CURVE_RATE = 100
"""Values per second of every curve that is compared with another one; value i belongs to time i / CURVE_RATE."""

_WINDOW_S = 0.032
_BANDS_HZ = {"low": (120, 350), "first_formant": (500, 1100), "voice": (300, 3000), "hiss": (3500, 8000)}
_FLOOR_DB = -42.0
"""Below the recording's loud level (95th percentile) by this much nothing is heard: the mouth rests."""
_LIP_INERTIA_S = 0.025
"""Sigma of the final smoothing."""
_BLOCK = 4096


def predict_opening(audio: AudioClip, seconds: float | None = None) -> NDArray[np.float32]:
    """Mouth opening 0..1 that the sound suggests, `[round(seconds * CURVE_RATE)]`.

    Loud in the voice band (300-3000 Hz) opens the mouth; energy of a high first formant (500-1100 Hz, open vowels) against the low
    band (120-350 Hz: close vowels, nasals, murmur of b, d, g) opens it more; hiss (s, sh, f) and dips of the voice band between
    syllables (closures) shut it. Silence gives zeros. A rule, not a measurement: it knows nothing of lips behind equal sounds.

    seconds: length to cover; by default the audio's own.
    """
    seconds = audio.duration if seconds is None else seconds
    count = max(1, round(seconds * CURVE_RATE))
    levels = band_levels(audio, count)
    loud = np.percentile(levels["voice"], 95)
    if loud <= -80.0:
        return np.zeros(count, np.float32)
    voice = np.clip((levels["voice"] - loud - _FLOOR_DB) / -_FLOOR_DB, 0, 1.1)
    openness = _sigmoid((levels["first_formant"] - levels["low"] + 6.0) / 6.0)
    hiss = _sigmoid((levels["hiss"] - levels["voice"] - 2.0) / 4.0)
    opening = voice**2 * (0.35 + 0.65 * openness) * (1 - 0.7 * hiss)
    return gaussian(opening, _LIP_INERTIA_S * CURVE_RATE).astype(np.float32)


def band_levels(audio: AudioClip, count: int) -> dict[str, NDArray[np.float64]]:
    """Level in dB of each band of `_BANDS_HZ`, `[count]` at CURVE_RATE, windows centred on the value's time."""
    mono = audio.mono().astype(np.float64)
    size = max(16, round(_WINDOW_S * audio.rate))
    window = np.hanning(size + 2)[1:-1]
    padded = np.pad(np.nan_to_num(mono), (size, 2 * size))
    frequencies = np.fft.rfftfreq(size, 1 / audio.rate)
    masks = {name: (frequencies >= low) & (frequencies < high) for name, (low, high) in _BANDS_HZ.items()}
    scale = 1 / np.sum(window**2) / size
    out = {name: np.empty(count) for name in masks}
    for first in range(0, count, _BLOCK):
        times = np.arange(first, min(count, first + _BLOCK))
        starts = np.round(times * (audio.rate / CURVE_RATE)).astype(int) + size - size // 2
        starts = np.minimum(starts, len(padded) - size)
        power = np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(size)] * window, axis=1)) ** 2 * scale
        for name, mask in masks.items():
            out[name][times] = 10 * np.log10(power[:, mask].sum(axis=1) + 1e-10)
    return out


def _sigmoid(x: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
