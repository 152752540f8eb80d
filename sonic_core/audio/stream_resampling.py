"""Sample rate conversion of sound that arrives in pieces: the numbers of resampling.py, a few milliseconds after their samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .resampling import LARGEST_TABLE, ROOM, filtered_by_scipy, phase_table, sinc_kernel

Samples = NDArray[np.float32]


class StreamResampler:
    """`[samples]` at `rate` Hz -> at `new_rate` Hz, piece by piece and without a seam between pieces.

    What comes out after `n` samples are in is final: the filter's right half, 4 ms at 16 kHz, is waited for.
    """

    def __init__(self, rate: int, new_rate: int) -> None:
        common = math.gcd(rate, new_rate)
        self._up, self._down = new_rate // common, rate // common
        self._kernel = sinc_kernel(self._up, self._down) if rate != new_rate else np.ones(1)
        reach = math.ceil(len(self._kernel) // 2 / self._up)  # input samples to either side
        self._side = -(-reach // self._down) * self._down if rate != new_rate else 0
        fits = self._up * (self._down + 2 * reach) <= LARGEST_TABLE
        self._table = phase_table(self._kernel, self._up, self._down) if fits and rate != new_rate else None
        self._held = np.zeros(self._side, np.float32)  # begins `_side` samples before the next that is put out

    def push(self, samples: Samples) -> Samples:
        """As much of the result as is settled by these samples."""
        if self._up == self._down:
            return samples
        held = np.concatenate([self._held, samples])
        ready = max(0, len(held) - 2 * self._side) // self._down * self._down
        if not ready:
            self._held = held
            return np.zeros(0, np.float32)
        settled = held[: ready + 2 * self._side]
        self._held = held[ready:]
        if self._table is not None:
            return self._by_table(self._table, settled)
        made = filtered_by_scipy(self._kernel, self._up, self._down, settled[None])[0]
        skip = self._side // self._down * self._up
        return made[skip : skip + ready // self._down * self._up]

    def flush(self) -> Samples:
        """The rest, as if silence followed; the next piece begins anew."""
        if self._up == self._down:
            return np.zeros(0, np.float32)
        waiting = len(self._held) - self._side
        rest = self.push(np.zeros(self._side + self._down, np.float32))
        self._held = np.zeros(self._side, np.float32)
        return rest[: math.ceil(waiting * self._up / self._down)]

    def _by_table(self, table: NDArray[np.float64], samples: Samples) -> Samples:
        """`filtered_by_table` for what is settled of `samples`, its windows laid side by side: without them a product is a slow one."""
        width, steps = table.shape[1], (len(samples) - 2 * self._side) // self._down
        first = self._side - (width - self._down) // 2
        exact = samples[first:].astype(np.float64)
        windows = np.lib.stride_tricks.as_strided(exact, (steps, width), (self._down * exact.itemsize, exact.itemsize))
        made = np.empty(steps * self._up, np.float32)
        at_once = max(1, ROOM // width)
        for begin in range(0, steps, at_once):
            part = np.ascontiguousarray(windows[begin : begin + at_once]) @ table.T
            made[begin * self._up : begin * self._up + part.size] = part.reshape(-1)
        return made
