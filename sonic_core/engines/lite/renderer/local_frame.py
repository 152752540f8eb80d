"""LocalFrame: coordinates of one feature of the face, along its line of corners and perpendicular to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LocalFrame:
    """a along the line of an eye's or the mouth's corners (image left to right), b perpendicular to it, down; px."""

    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]

    def to_local(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        dx, dy = x - self.origin[0], y - self.origin[1]
        return dx * self.along[0] + dy * self.along[1], dx * self.down[0] + dy * self.down[1]

    def to_image(self, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
        return (
            self.origin[0] + a * self.along[0] + b * self.down[0],
            self.origin[1] + a * self.along[1] + b * self.down[1],
        )
