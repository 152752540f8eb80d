"""What a synthesiser said: samples and the phones in them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from training.phones import Phone, contiguous

RATE = 16_000
Speech = NDArray[np.int16]
Speak = Callable[[str, random.Random], "Utterance | None"]


@dataclass(frozen=True)
class Utterance:
    """int16 mono at 16 kHz, its phones without gaps, who speaks."""

    samples: Speech
    phones: list[Phone]
    speaker: str


def utterance(
    samples: Speech,
    phones: list[Phone],
    speaker: str,
    expected: float | None = None,
    tolerance: float = 0.0,
) -> Utterance | None:
    """The utterance, or None where labels and waveform disagree in length by more than `tolerance` s."""
    duration = len(samples) / RATE
    if (expected is not None and abs(duration - expected) > tolerance) or len(phones) < 4:
        return None
    return Utterance(samples, contiguous(phones, duration), speaker)


def at_16k(samples: NDArray[np.int16], rate: int) -> Speech:
    """int16 mono of any rate at RATE."""
    from scipy.signal import resample_poly

    if rate == RATE:
        return np.asarray(samples, np.int16)
    common = gcd(RATE, rate)
    resampled = resample_poly(samples.astype(np.float64), RATE // common, rate // common)
    return np.clip(resampled, -32768, 32767).astype(np.int16)
