"""Blinks while it happens: where the network wants them, in natural shape, never closer than 2 s and never more than 6 s apart."""

from __future__ import annotations

import numpy as np

from ..blinks import BLINK_CLOSE, BLINK_HOLD, BLINK_INTERVAL, BLINK_OPEN, blink_shape

WANTED = 0.45
"""Lid closure of the network from which on it wants a blink."""
FIRST = 1.0  # s after the start at the earliest
DURATION = BLINK_CLOSE + BLINK_HOLD + BLINK_OPEN


class Lids:
    """The lids, frame after frame.  rng: when a blink comes that the network did not want."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._now = 0.0
        self._began = FIRST - BLINK_INTERVAL[0]
        self.reseed(rng)

    def reseed(self, rng: np.random.Generator) -> None:
        """Go on with another generator."""
        self._rng = rng
        self._patience = self._draw()

    def next(self, wish: float, pause: bool, seconds: float) -> float:
        """Lid closure 0..1 of the next frame, which lasts `seconds`.  wish: the network's.  pause: nobody speaks."""
        since = self._now - self._began
        shortest, longest = BLINK_INTERVAL
        due = since > (self._patience if pause else max(self._patience, longest - 0.5))
        if since >= shortest and (wish > WANTED or due):
            self._began, self._patience = self._now, self._draw()
        closed = float(blink_shape(np.array([self._now - self._began]))[0]) if self._now >= self._began else 0.0
        self._now += seconds
        return closed if self._now - self._began <= DURATION + seconds else 0.0

    def _draw(self) -> float:
        return float(self._rng.uniform(BLINK_INTERVAL[0] + 0.5, BLINK_INTERVAL[1] - 0.5))
