"""Mixing of surround sound to stereo (coefficients of ITU-R BS.775-3, annex 4; the low-frequency channel is left out)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .store import blocks_of

MINUS_3_DB = 0.5**0.5
LEFT_RIGHT_GAIN = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (MINUS_3_DB, MINUS_3_DB),
    "LFE": (0.0, 0.0),
    "BL": (MINUS_3_DB, 0.0),
    "BR": (0.0, MINUS_3_DB),
    "SL": (MINUS_3_DB, 0.0),
    "SR": (0.0, MINUS_3_DB),
    "BC": (0.5, 0.5),
    "FLC": (MINUS_3_DB, 0.0),
    "FRC": (0.0, MINUS_3_DB),
}
UNKNOWN_GAIN = (MINUS_3_DB, MINUS_3_DB)
CANCELLED = 10.0  # dB


def named_channels(layout: Any) -> tuple[str, ...]:
    """Short names (FL, FR, FC, ...) of a PyAV layout's channels, in order."""
    return tuple(channel.name for channel in layout.channels)


def to_stereo(samples: NDArray[np.float32], names: tuple[str, ...]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """One or two channels as they are; more mixed to two, scaled so that nothing can clip.

    samples: [channels, samples].  names: of the channels; unknown ones count for both sides.  Returns samples and notes.
    """
    count = samples.shape[0]
    if count <= 2:
        return samples, ()
    names = names if len(names) == count else ("?",) * count
    gains = np.array([LEFT_RIGHT_GAIN.get(name, UNKNOWN_GAIN) for name in names], np.float32).T
    gains /= max(float(gains.sum(axis=1).max()), 1e-6)
    return gains @ samples, (f"{count} channels were mixed to stereo.",)


def mono_gains(samples: NDArray[np.float32]) -> tuple[float, ...] | None:
    """How loud each of two channels goes into the mono mix that is listened to; None = the mean, as usual.

    Channels of opposite phase (a balanced microphone plugged in wrongly, karaoke effects) cancel in the mean: where that loses more than
    CANCELLED dB of their mean power, the louder channel alone is taken.  samples: [channels, samples].
    """
    if samples.shape[0] != 2:
        return None
    power = np.zeros(2)
    mixed = 0.0
    for block in blocks_of(samples):
        left, right = block.astype(np.float64)
        power += (left @ left, right @ right)
        both = (left + right) / 2
        mixed += both @ both
    if not cancels(power, mixed):
        return None
    return (1.0, 0.0) if power[0] >= power[1] else (0.0, 1.0)


def cancels(power: NDArray[np.float64], mixed: float) -> bool:
    """Whether the mean of two channels has lost more than CANCELLED dB of their mean power.

    In phase it keeps all of it, of unrelated channels half, of one channel beside a silent one half.
    """
    return mixed < float(power.mean()) * 10 ** (-CANCELLED / 10)
