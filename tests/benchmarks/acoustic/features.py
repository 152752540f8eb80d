"""Short-time spectrum of speech in a few dozen bands: what the acoustic motion driver listens to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # Hz
HOP = 80  # samples: 200 frames per second
FRAME_RATE = RATE / HOP
WINDOW = 400  # samples: 25 ms
FFT_SIZE = 512
BLOCK_FRAMES = 800  # 4 s at a time, so that memory does not grow with the spectrum of a long recording
LOWEST_HZ, HIGHEST_HZ, BANDS = 80.0, 7800.0, 40
QUIETEST_DB = -120.0


@dataclass(frozen=True)
class BandSpectrum:
    """Power per band: `power` float32 [frames, bands] (full-scale sine = about 1), `centres` [bands] Hz.

    Frame k is centred on k / FRAME_RATE seconds, exactly.
    """

    power: NDArray[np.float32]
    centres: NDArray[np.float32]

    def level(self, low_hz: float, high_hz: float) -> NDArray[np.float32]:
        """dB of the power between two frequencies, [frames]."""
        return decibel(self.power[:, self.between(low_hz, high_hz)].sum(axis=1))

    def centroid(self, low_hz: float, high_hz: float) -> NDArray[np.float32]:
        """Mean frequency between two frequencies, Hz, weighted by amplitude, [frames]."""
        inside = self.between(low_hz, high_hz)
        amplitude = np.sqrt(self.power[:, inside]) + 1e-9
        return amplitude @ self.centres[inside] / amplitude.sum(axis=1)

    def between(self, low_hz: float, high_hz: float) -> NDArray[np.bool_]:
        return (self.centres >= low_hz) & (self.centres < high_hz)


def band_spectrum(mono: NDArray[np.float32]) -> BandSpectrum:
    """Spectrum of `[samples]` at 16 kHz in 40 bands, equally wide on the mel scale, every 5 ms."""
    filters, centres = mel_filters()
    frames = len(mono) // HOP + 1
    power = np.empty((frames, BANDS), np.float32)
    window = np.hanning(WINDOW).astype(np.float32)
    scale = np.float32((2 / window.sum()) ** 2)
    half = WINDOW // 2
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, frames)
        begin, end = first * HOP - half, (last - 1) * HOP + half
        piece = np.pad(mono[max(0, begin) : end], (max(0, -begin), max(0, end - len(mono))))
        windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::HOP] * window
        spectrum = np.fft.rfft(windows, FFT_SIZE)
        power[first:last] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ filters * scale
    return BandSpectrum(power, centres)


def mel_filters() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Triangular filters [FFT_SIZE / 2 + 1, BANDS] (O'Shaughnessy's mel formula) and their centres in Hz."""
    mel = np.linspace(2595 * np.log10(1 + LOWEST_HZ / 700), 2595 * np.log10(1 + HIGHEST_HZ / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(FFT_SIZE, 1 / RATE)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32), edges[1:-1].astype(np.float32)


def decibel(power: NDArray[np.float32]) -> NDArray[np.float32]:
    return 10 * np.log10(power + np.float32(10 ** (QUIETEST_DB / 10)))
