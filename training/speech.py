"""Synthetic speech as training material: sentences strung together with pauses, at changed speed and pitch, with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sonic_core.hearing.lip_reader import PHONES
from training import augment, synthesise, targets

RATE = 16_000
LABEL_RATE = 50
PHONE, OPEN, ROUND, CLOSURE, LABIODENTAL = range(5)
"""Rows of the labels."""


@dataclass(frozen=True)
class Sentence:
    """samples: int16 at 16 kHz.  labels: [5, n] at 200 Hz."""

    samples: NDArray[np.int16]
    labels: NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """waveforms: [B, n] at 16 kHz.  labels: [B, 5, T] at 50 Hz, T = n / 320."""

    waveforms: Tensor
    labels: Tensor


class Speech:
    """All sentences of some sources; hands out random stretches."""

    def __init__(self, root: Path, sources: list[str] | None = None) -> None:
        folders = sorted(p for p in root.iterdir() if p.is_dir() and (sources is None or p.name in sources))
        self.by_source = {f.name: [_sentence(p) for p in sorted(f.glob("*.json"))] for f in folders}
        self.seconds = {k: sum(len(s.samples) for s in v) / RATE for k, v in self.by_source.items()}

    def batch(
        self, size: int, seconds: float, rng: np.random.Generator, spoilt: float = 0.6, without: float = 0.06
    ) -> Batch:
        """`size` random stretches of `seconds`; a share `spoilt` is degraded, a share `without` holds music, noise or silence only."""
        names = list(self.seconds)
        weights = np.array([self.seconds[n] for n in names])
        stretches = [
            _resampled(*self._stretch(names[i], seconds * 1.3, rng), seconds, rng)
            for i in rng.choice(len(names), size, p=weights / weights.sum())
        ]
        x = torch.from_numpy(np.stack([s for s, _ in stretches]))
        labels = torch.from_numpy(np.stack([l for _, l in stretches]))
        x = augment.augment(x / (x.std(1, keepdim=True) + 1e-4) * 0.1, rng, spoilt)
        empty = np.flatnonzero(rng.random(size) < without)
        if len(empty):
            x[empty] = augment.no_speech(len(empty), x.shape[1], rng)
            labels[empty] = 0
        return Batch(x, labels)

    def _stretch(self, source: str, seconds: float, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Sentences of one source with pauses between them, from a random place on: samples [n], labels [5, n / 80]."""
        sentences = self.by_source[source]
        wanted = int(seconds * RATE)
        samples, labels, total = [], [], 0
        skip = int(rng.integers(0, 3 * RATE)) // 80 * 80
        while total < wanted + skip:
            sentence = sentences[rng.integers(len(sentences))]
            count = len(sentence.samples) // 80 * 80
            pause = int(rng.exponential(0.35) * RATE) // 80 * 80
            gain = 10 ** rng.uniform(-0.2, 0.2)
            samples += [sentence.samples[:count] * gain, np.zeros(pause)]
            labels += [sentence.labels[:, : count // 80], np.zeros((5, pause // 80))]
            total += count + pause
        cut = slice(skip, skip + wanted)
        return np.concatenate(samples)[cut], np.concatenate(labels, 1)[:, skip // 80 : (skip + wanted) // 80]


def _resampled(
    samples: NDArray, labels: NDArray, seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Played 0.82 to 1.22 times as fast (rate, pitch and formants move together): [seconds * 16000], [5, seconds * 50]."""
    speed = float(np.exp(rng.uniform(np.log(0.82), np.log(1.22))))
    place = np.arange(int(seconds * RATE)) * speed
    low = place.astype(int)
    part = place - low
    x = samples[low] * (1 - part) + samples[low + 1] * part
    at = np.round(np.arange(int(seconds * LABEL_RATE)) * speed * targets.RATE / LABEL_RATE).astype(int)
    return (x / 32768).astype(np.float32), labels[:, np.minimum(at, labels.shape[1] - 1)].astype(np.float32)


def _sentence(path: Path) -> Sentence:
    samples, phones = synthesise.load(path)
    duration = len(samples) / RATE
    labiodental = [p.phone in ("F", "V") for p in phones]
    ids = targets.phone_ids(phones, duration)
    rows = np.zeros((5, len(ids)), np.float32)
    rows[PHONE], rows[CLOSURE] = ids, targets.closure(phones, duration)
    rows[OPEN] = targets.curve(phones, duration, targets.APERTURE)
    rows[ROUND] = targets.curve(phones, duration, targets.ROUNDING)
    if any(labiodental):
        rows[LABIODENTAL] = np.isin(ids, [PHONES.index("F"), PHONES.index("V")])
    return Sentence(samples, rows)
