"""Small operations on sample arrays: number formats, non-finite values, overshoot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clip import AudioClip
from .store import blocks_of

MIN_DURATION = 0.1  # s; shorter recordings are refused
DECODER_OVERSHOOT = 1.12  # 1 dB: lossy decoders exceed full scale a little, and every player clips that
LOUDEST_CLIPPED = 1.5  # what lies above this is a wrongly scaled file


def unit_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any number type as float32, full scale of an integer type = 1.0 (unsigned types are centred first)."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    if samples.dtype.kind not in "iu":
        raise TypeError(f"samples are {samples.dtype}; expected integers or floats")
    half = float(2 ** (8 * samples.dtype.itemsize - 1))
    centre = half if samples.dtype.kind == "u" else 0.0
    wide = np.float32 if samples.dtype.itemsize <= 2 else np.float64
    return ((samples.astype(wide) - wide(centre)) / wide(half)).astype(np.float32)


def sanitized(clip: AudioClip) -> AudioClip:
    """The clip with finite samples within -1..1, altered in place; every alteration but the overshoot of lossy decoders is noted.

    NaN becomes 0, infinities full scale.  Peaks up to 1.5 are clipped; above that the whole clip is scaled to a peak of 1.
    """
    samples = clip.samples
    if samples.size == 0:
        return clip
    if not np.isfinite(sum(float(block.sum(dtype=np.float64)) for block in blocks_of(samples))):
        broken = sum(int(np.count_nonzero(~np.isfinite(block))) for block in blocks_of(samples))
        for block in blocks_of(samples):
            np.nan_to_num(block, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        if broken:
            clip = clip.with_samples(
                samples, f"{clip.name}: {broken} sample(s) were not numbers (NaN or infinite) and were replaced."
            )
    peak = max(float(max(block.max(), -block.min())) for block in blocks_of(samples))
    if peak > LOUDEST_CLIPPED:
        for block in blocks_of(samples):
            block /= peak
        return clip.with_samples(
            samples, f"{clip.name}: the peak was {peak:.4g} times full scale; the level was lowered."
        )
    if peak > 1:
        loud = sum(int(np.count_nonzero(np.abs(block) > 1)) for block in blocks_of(samples))
        for block in blocks_of(samples):
            np.clip(block, -1, 1, out=block)
        if peak > DECODER_OVERSHOOT:
            return clip.with_samples(samples, f"{clip.name}: {loud} sample(s) above full scale were clipped.")
    return clip
