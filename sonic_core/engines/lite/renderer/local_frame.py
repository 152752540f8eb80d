"""LocalFrame: coordinates of one feature of the face, along its line of corners and perpendicular to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Place = NDArray[np.floating] | NDArray[np.integer] | float
"""px; numbers give numbers, arrays arrays."""


@dataclass(frozen=True)
class LocalFrame:
    """a along the line of an eye's or the mouth's corners (image left to right), b perpendicular to it, down; px."""

    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]

    def to_local(self, x: Place, y: Place) -> tuple[Any, Any]:
        # Plain numbers, so that float32 stays float32.
        (x0, y0), (along_x, along_y), (down_x, down_y) = (v.tolist() for v in (self.origin, self.along, self.down))
        dx, dy = x - x0, y - y0
        return dx * along_x + dy * along_y, dx * down_x + dy * down_y

    def to_image(self, a: Place, b: Place) -> tuple[Any, Any]:
        return (
            self.origin[0] + a * self.along[0] + b * self.down[0],
            self.origin[1] + a * self.along[1] + b * self.down[1],
        )
