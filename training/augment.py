"""Make synthetic speech sound like recordings: rooms, microphones, noise, music beds, other talkers, narrow bands, levels."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 16_000


def augment(x: Tensor, rng: np.random.Generator, share: float = 0.6) -> Tensor:
    """Degrade about `share` of a batch of speech `[B, samples]`; the rest passes unchanged.  Timing is kept."""
    spoilt = rng.random(len(x)) < share
    if not spoilt.any():
        return x
    x = x.clone()
    chosen = torch.from_numpy(spoilt)
    y = _evened(_microphone(_room(x[chosen], rng), rng))
    x[chosen] = y + _evened(_noise(y, rng)) * _uniform(rng, len(y), 6, 42, db=-1.0, without=0.25)
    return x


def no_speech(count: int, samples: int, rng: np.random.Generator) -> Tensor:
    """Music, noise and silence `[count, samples]`: what a mouth must not follow."""
    result = torch.zeros(count, samples)
    for row in result:
        kind = rng.random()
        if kind < 0.55:
            row += _music(samples, rng)
        elif kind < 0.85:
            row += _coloured(1, samples, rng)[0]
        row += torch.randn(samples) * 10 ** rng.uniform(-5, -2)
    return result


def _room(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Exponentially decaying noise as reverberation, none for 40 %."""
    count, tail = len(x), RATE // 2
    seconds = torch.arange(tail) / RATE
    decay = _column(rng.uniform(0.08, 0.5, count))
    response = torch.randn(count, tail) * torch.exp(-6.9 * seconds / decay)
    response[:, : int(rng.integers(8, 60))] = 0
    wet = 10 ** (-rng.uniform(2, 20, count) / 20) * (rng.random(count) < 0.6)
    response = response / response.norm(dim=1, keepdim=True) * _column(wet)
    response[:, 0] = 1
    return _filtered(x, torch.fft.rfft(response, _fft_size(x, tail)), tail)


def _microphone(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Smooth random equaliser, tilt, and for some a narrow band."""
    count, size = len(x), _fft_size(x, 0)
    hertz = torch.linspace(0, RATE / 2, size // 2 + 1)
    octave = torch.log2(hertz.clamp_min(60) / 60) / math.log2(RATE / 2 / 60)
    points = torch.tensor(rng.normal(0, 4, (count, 8)), dtype=torch.float32)
    curve = F.interpolate(points[:, None], size=256, mode="linear", align_corners=True)[:, 0]
    gain = curve[:, (octave * 255).long()] + _column(rng.uniform(-12, 12, count)) * (octave - 0.5)
    high = _column(np.where(rng.random(count) < 0.3, rng.uniform(3000, 7500, count), 9000))
    low = _column(np.where(rng.random(count) < 0.3, rng.uniform(60, 350, count), 10))
    gain = gain - 60 * ((hertz - high) / 400).clamp(0, 1) - 30 * ((low - hertz) / low).clamp(0, 1)
    return _filtered(x, 10 ** (gain / 20), 0)


def _noise(speech: Tensor, rng: np.random.Generator) -> Tensor:
    count, samples = speech.shape
    noise = _coloured(count, samples, rng)
    for row in np.flatnonzero(rng.random(count) < 0.15):
        noise[row] = _music(samples, rng)
    for row in np.flatnonzero(rng.random(count) < 0.1):
        noise[row] = speech[(row + 1) % count].roll(int(rng.integers(samples)))
    return noise


def _coloured(count: int, samples: int, rng: np.random.Generator) -> Tensor:
    slope = _column(rng.uniform(-1.2, 0.2, count))
    hertz = torch.linspace(20, RATE / 2, samples // 2 + 1)
    noise = torch.fft.irfft(torch.fft.rfft(torch.randn(count, samples)) * (hertz / 500) ** slope, samples)
    if rng.random() < 0.5:
        swell = F.interpolate(torch.randn(count, 1, 12), size=samples, mode="linear")[:, 0]
        noise = noise * (1 + 0.8 * swell).abs()
    return _evened(noise)


def _music(samples: int, rng: np.random.Generator) -> Tensor:
    """Chords of plucked or held harmonic tones on a beat, sometimes with a drum; rms about 0.1."""
    seconds = torch.arange(samples) / RATE
    beat = 60 / rng.uniform(70, 150)
    result = torch.zeros(samples)
    root, pluck = 110 * 2 ** (rng.integers(0, 12) / 12), rng.uniform(0.5, 8)
    for step in range(math.ceil(samples / RATE / beat)):
        begin = int(step * beat * RATE)
        t = seconds[: samples - begin]
        envelope = torch.exp(-pluck * t) * (1 - torch.exp(-200 * t)) * (t < 4 * beat)
        for interval in rng.choice([0, 3, 4, 5, 7, 9, 10, 12, 14, 16, 19], rng.integers(1, 4), replace=False):
            hertz = root * 2 ** (interval / 12)
            for k in range(1, int(rng.integers(2, 7))):
                if hertz * k < RATE / 2:
                    result[begin:] += envelope * torch.sin(2 * math.pi * hertz * k * t) / k
        if rng.random() < 0.4:
            result[begin:] += torch.randn(samples - begin) * torch.exp(-rng.uniform(20, 80) * t) * 2
    return _evened(result[None])[0]


def _filtered(x: Tensor, response: Tensor, tail: int) -> Tensor:
    size = _fft_size(x, tail)
    return torch.fft.irfft(torch.fft.rfft(x, size) * response, size)[:, : x.shape[1]]


def _fft_size(x: Tensor, tail: int) -> int:
    return 1 << (x.shape[1] + tail - 1).bit_length()


def _evened(x: Tensor) -> Tensor:
    return x / (x.std(1, keepdim=True) + 1e-5) * 0.1


def _uniform(rng: np.random.Generator, count: int, low: float, high: float, db: float, without: float) -> Tensor:
    """Random gains as a column: `db` times uniform(low, high) decibels; zero gain for the share `without`."""
    gain = 10 ** (db * rng.uniform(low, high, count) / 20)
    return _column(np.where(rng.random(count) < without, 0, gain))


def _column(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]
