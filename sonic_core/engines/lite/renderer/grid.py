"""Grid: the coarse lattice of nodes on which displacement fields live, and its ties to the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

NODES = 160  # along the longer side


@dataclass(frozen=True)
class Grid:
    """width, height: the picture, px.  columns, rows: nodes; node (i, j) is the centre of its cell of step_x by step_y px."""

    width: int
    height: int
    columns: int
    rows: int

    @classmethod
    def over(cls, width: int, height: int) -> Grid:
        step = max(width, height) / NODES
        return cls(width, height, int(np.ceil(width / step)), int(np.ceil(height / step)))

    @property
    def step_x(self) -> float:
        return self.width / self.columns

    @property
    def step_y(self) -> float:
        return self.height / self.rows

    @cached_property
    def x(self) -> NDArray[np.float64]:
        """[rows, columns] px of the nodes."""
        return np.broadcast_to((np.arange(self.columns) + 0.5) * self.step_x - 0.5, (self.rows, self.columns))

    @cached_property
    def y(self) -> NDArray[np.float64]:
        return np.broadcast_to(((np.arange(self.rows) + 0.5) * self.step_y - 0.5)[:, None], (self.rows, self.columns))

    @cached_property
    def per_px(self) -> NDArray[np.float32]:
        """Nodes per px, (x, y)."""
        return np.array([1 / self.step_x, 1 / self.step_y], np.float32)

    def node_of(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        """Fractional column and row of positions in px."""
        return (x + 0.5) / self.step_x - 0.5, (y + 0.5) / self.step_y - 0.5

    def fill_polygon(self, polygon: NDArray) -> NDArray[np.uint8]:
        """[rows, columns] 1 inside a polygon [N, 2] given in px."""
        mask = np.zeros((self.rows, self.columns), np.uint8)
        nodes = np.stack(self.node_of(polygon[:, 0], polygon[:, 1]), 1)
        cv2.fillPoly(mask, [np.rint(nodes * 16).astype(np.int32)], 1, shift=4)
        return mask

    def upsample(
        self, values: NDArray[np.float32], box: tuple[int, int, int, int], origin: tuple[int, int] = (0, 0)
    ) -> NDArray[np.float32]:
        """Node values -> pixels of a box x0, y0, x1, y1.  origin: column and row of values[0, 0]."""
        x0, y0, x1, y1 = box
        matrix = np.array(
            [
                [1 / self.step_x, 0, (x0 + 0.5) / self.step_x - 0.5 - origin[0]],
                [0, 1 / self.step_y, (y0 + 0.5) / self.step_y - 0.5 - origin[1]],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
