"""SampleStore: decoded sound as it arrives, in memory while it is short and in a temporary file when it is long."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from .waveform import joined

IN_MEMORY = 120 * 2**20
"""Bytes of float32 that stay in memory: eleven minutes of 48 kHz stereo."""


class SampleStore:
    """Blocks `[channels, n]` in, one array `[channels, samples]` out; longer than IN_MEMORY it is mapped from a file that has no name."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.length = 0
        self._blocks: list[NDArray[np.float32]] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def append(self, block: NDArray[np.float32]) -> None:
        """Raises OSError where the disk for temporary files is full."""
        self.length += block.shape[1]
        if self._file is None:
            self._blocks.append(block)
            self._held += block.nbytes
            if self._held <= IN_MEMORY:
                return
            self._file = tempfile.TemporaryFile(prefix="sonic-sound-")  # noqa: SIM115
            for held in self._blocks:
                self._file.write(np.ascontiguousarray(held.T).data)
            self._blocks.clear()
        else:
            self._file.write(np.ascontiguousarray(block.T).data)

    def whole(self) -> NDArray[np.float32]:
        """All samples; may be called once."""
        if self._file is None:
            return joined(self._blocks, self.channels)
        self._file.flush()
        return np.memmap(self._file, np.float32, "r+", shape=(self.length, self.channels)).T
