"""SampleStore: decoded sound as it arrives, in memory while it is short and in a temporary file when it is long."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..scratch import RowStore, forget

IN_MEMORY = 120 * 2**20
"""Bytes of float32 that stay in memory: eleven minutes of 48 kHz stereo."""
BLOCK = 1 << 20
"""Samples of every channel at a time where a whole recording is gone through."""


class SampleStore:
    """Blocks `[channels, n]` in, one array `[channels, samples]` out (`RowStore`: a long one is mapped from a file that has no name)."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._rows = RowStore(channels, IN_MEMORY)

    @property
    def length(self) -> int:
        return self._rows.length

    def append(self, block: NDArray[np.float32]) -> None:
        """Raises OutputError where the disk for temporary files is full."""
        self._rows.append(block.T)

    def whole(self) -> NDArray[np.float32]:
        """All samples; may be called once."""
        return self._rows.whole().T


def with_silence(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """`[channels, length]`: the samples, and silence behind them; a long result is mapped from a file, too."""
    store = SampleStore(len(samples))
    for block in blocks_of(samples):
        store.append(block)
    while store.length < length:
        store.append(np.zeros((len(samples), min(BLOCK, length - store.length)), np.float32))
    return store.whole()


def blocks_of(samples: NDArray[np.float32], size: int = BLOCK) -> Iterator[NDArray[np.float32]]:
    """Views `[channels, n]` on consecutive samples, which can be written to; of a long recording no more than one stays in memory."""
    for first in range(0, samples.shape[-1], size):
        yield samples[..., first : first + size]
        forget(samples)
