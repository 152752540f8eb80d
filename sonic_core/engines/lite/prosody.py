"""How something is said: loudness, pitch and what stands out, at video rate; head, brows and blinks go with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...curves import gaussian, running_median
from ...scratch import forget

Curve = NDArray[np.float32]

RATE = 16_000
LOUDNESS_RANGE_DB = 35.0
LOWEST_HZ, HIGHEST_HZ = 65.0, 420.0
_WINDOW = 1024  # 64 ms: two periods of the lowest voice and more
_BLOCK = 256  # frames at a time: memory does not grow with the recording


@dataclass(frozen=True)
class Prosody:
    """Float32 curves `[T]`, frame i at time i / fps.

    loudness: 0 to 1, of the 35 dB below the loud parts.  pitch: octaves above the voice's median, 0 where unvoiced.
    voiced: 0 or 1.  prominence: 0 to 1, how far a syllable stands out of the half second around it.
    """

    loudness: Curve
    pitch: Curve
    voiced: Curve
    prominence: Curve

    def last(self, count: int) -> Prosody:
        """Its last `count` frames."""
        return Prosody(*(curve[-count:] for curve in (self.loudness, self.pitch, self.voiced, self.prominence)))


@dataclass(frozen=True)
class Measures:
    """What is measured frame by frame, `[T]` each: mean power, frequency of the strongest period and its clarity (0 to 1)."""

    energy: NDArray[np.float64]
    hertz: NDArray[np.float64]
    clarity: NDArray[np.float64]

    def followed_by(self, others: Measures, most: int) -> Measures:
        """These and others after them, the last `most` of all."""
        mine, theirs = (self.energy, self.hertz, self.clarity), (others.energy, others.hertz, others.clarity)
        return Measures(*(np.concatenate(pair)[-most:] for pair in zip(mine, theirs, strict=True)))


def read_prosody(waveform: NDArray[np.float32], frame_count: int, fps: float = 25.0) -> Prosody:
    """waveform: `[samples]` at 16 kHz.  Pitch by normalised autocorrelation, smoothed by a median of five frames."""
    return prosody_of(measured(waveform, frame_count, fps), fps)


def prosody_of(measures: Measures, fps: float) -> Prosody:
    """Loudness and pitch judged against all of what was measured."""
    hertz, clarity, frame_count = measures.hertz, measures.clarity, len(measures.hertz)
    decibel = 10 * np.log10(measures.energy + 1e-9)
    loud = max(float(np.percentile(decibel, 95)), -60.0)
    loudness = np.clip((decibel - loud) / LOUDNESS_RANGE_DB + 1, 0, 1).astype(np.float32)
    voiced = (clarity > 0.5) & (loudness > 0.35)
    pitch = np.zeros(frame_count, np.float32)
    if voiced.sum() > 3:
        octave = np.log2(np.maximum(hertz, 1))
        octave = np.where(voiced, octave - np.median(octave[voiced]), 0)
        pitch = np.clip(running_median(octave, 2), -0.8, 0.8).astype(np.float32) * voiced
    loud_nearby = gaussian(loudness, 0.06 * fps)
    syllable = loud_nearby + 0.5 * gaussian(pitch, 0.06 * fps)
    phrase = gaussian(loudness, 0.35 * fps) + 0.5 * gaussian(pitch, 0.35 * fps)
    prominence = np.clip(3.0 * (syllable - phrase), 0, 1) * (loud_nearby > 0.5)
    return Prosody(loudness, pitch, voiced.astype(np.float32), prominence.astype(np.float32))


def measured(waveform: NDArray[np.float32], frame_count: int, fps: float) -> Measures:
    """Measures of `frame_count` frames, each from the 64 ms around its beginning."""
    half = _WINDOW // 2
    taper, window_correlation = _taper()
    shortest, longest = int(RATE / HIGHEST_HZ), int(RATE / LOWEST_HZ)
    energy, hertz, clarity = (np.zeros(frame_count) for _ in range(3))
    for first in range(0, frame_count, _BLOCK):
        index = np.arange(first, min(first + _BLOCK, frame_count))
        centres = (index * RATE / fps).astype(int)
        heard = waveform[max(centres[0] - half, 0) : centres[-1] + half]
        before = max(half - centres[0], 0)
        heard = np.pad(heard, (before, centres[-1] - centres[0] + _WINDOW - before - len(heard)))
        forget(waveform)
        frames = heard[(centres - centres[0])[:, None] + np.arange(_WINDOW)]
        energy[index] = (frames**2).mean(1)
        spectrum = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * taper, 2 * _WINDOW)) ** 2
        correlation = np.fft.irfft(spectrum)[:, :half] / window_correlation  # Boersma 1993
        correlation /= correlation[:, :1] + 1e-12
        lags = correlation[:, shortest:longest] - 0.0004 * np.arange(
            shortest, longest
        )  # prefers the shorter of equal periods
        best = lags.argmax(1)
        hertz[index] = RATE / (shortest + best)
        clarity[index] = np.take_along_axis(correlation[:, shortest:longest], best[:, None], 1)[:, 0]
    return Measures(energy, hertz, clarity)


@lru_cache
def _taper() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The window that frames are weighed by, and the autocorrelation of its first half."""
    taper = np.hanning(_WINDOW).astype(np.float32)
    return taper, np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * _WINDOW)) ** 2)[: _WINDOW // 2]
