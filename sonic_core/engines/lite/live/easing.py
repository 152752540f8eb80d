"""Values that follow others frame by frame, without a look ahead and without a jump of value or speed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FPS = 25.0


class Eased:
    """A value that goes over to its target by two poles.  half: s after which a step has come half of its way."""

    def __init__(self, value: float = 0.0, half: float = 0.2) -> None:
        self.target = self._first = self.value = value
        self._share = 1 - np.exp(-1.68 / (half * FPS))  # two poles reach half their way after 1.68 time constants

    def next(self) -> float:
        """The value of the next frame."""
        self._first += self._share * (self.target - self._first)
        self.value += self._share * (self._first - self.value)
        return self.value

    def jump(self, value: float) -> None:
        """Be there at once."""
        self.target = self._first = self.value = value


class Followed:
    """Curves through three poles each: smooth up to their acceleration, late by three time constants.

    seconds: time constant of every curve; 0 follows at once.
    """

    def __init__(self, seconds: list[float]) -> None:
        self._share = np.array([1 - np.exp(-1 / (s * FPS)) if s else 1.0 for s in seconds])
        self._poles = np.zeros((3, len(seconds)))

    def next(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """`[curves]` of one frame -> the same, smooth."""
        for pole in self._poles:
            pole += self._share * (values - pole)
            values = pole
        return self._poles[-1].copy()
