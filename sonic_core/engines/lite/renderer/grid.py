"""Grid: the coarse lattice of nodes on which displacement fields live, and its ties to the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import pixel_grid

PX_A_NODE = 4  # as fine as the lips of a face need, in a picture that it fills
FEWEST, MOST = 120, 160  # nodes along the longer side


@dataclass(frozen=True)
class Grid:
    """width, height: the picture, px.  columns, rows: nodes; node (i, j) is the centre of its cell of step_x by step_y px."""

    width: int
    height: int
    columns: int
    rows: int

    @classmethod
    def over(cls, width: int, height: int) -> Grid:
        longer = max(width, height)
        step = longer / min(max(longer / PX_A_NODE, FEWEST), MOST)
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

    @cached_property
    def nodes(self) -> NDArray[np.float32]:
        """[rows, columns, 2] the nodes' own (column, row)."""
        return pixel_grid(0, 0, self.columns, self.rows)

    def to_px(self, density: int = 1) -> NDArray[np.float64]:
        """Affine map [2, 3] from nodes to px of a picture `density` times as fine as this one, for `cv2.transform`."""
        steps = np.array([self.step_x, self.step_y])
        return density * np.c_[np.diag(steps), steps / 2 - 0.5]

    def positions(self, places: NDArray[np.float32], density: int = 1) -> NDArray[np.float32]:
        """Places of all nodes [rows, columns, 2] -> of all pixels [height, width, 2], px of a picture `density` times as fine.

        Beyond the outermost nodes they go on as the pixels do.
        """
        at_nodes = cv2.transform(places, self.to_px(density))
        positions = cv2.resize(at_nodes, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        for axis, step in enumerate((self.step_x, self.step_y)):
            along = np.moveaxis(positions[..., axis], 1 - axis, 0)
            first, count = (step - 1) / 2, int(np.ceil((step - 1) / 2))
            beyond = density * (first - np.arange(count, dtype=np.float32))[:, None]
            along[:count] -= beyond
            along[len(along) - count :] += beyond[::-1]
        return positions

    def fill_polygon(self, polygon: NDArray) -> NDArray[np.uint8]:
        """[rows, columns] 1 inside a polygon [N, 2] given in px."""
        mask = np.zeros((self.rows, self.columns), np.uint8)
        nodes = np.stack(self.node_of(polygon[:, 0], polygon[:, 1]), 1)
        cv2.fillPoly(mask, [np.rint(nodes * 16).astype(np.int32)], 1, shift=4)
        return mask

    def positions_in(
        self, box: tuple[int, int, int, int], one: NDArray[np.float32], other: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `positions`, of two maps and of the pixels of a box x0, y0, x1, y1 alone: each [y1 - y0, x1 - x0, 2] px.

        OpenCV enlarges four channels in half the time of two.
        """
        x0, y0, x1, y1 = box
        (left, right), (top, bottom) = (
            (max(int((start + 0.5) / step - 1.5), 0), int((end + 0.5) / step + 1.5))
            for start, end, step in ((x0, x1, self.step_x), (y0, y1, self.step_y))
        )
        near = np.s_[top:bottom, left:right]
        # The way, not the place: `cv2.warpAffine` may look up at a 32nd of a node.
        ways = np.concatenate([one[near] - self.nodes[near], other[near] - self.nodes[near]], axis=2)
        planes = cv2.split(self.upsample(ways, box, (left, top)))
        x, y = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)[:, None]
        first, second = (
            cv2.merge([x + planes[k] * np.float32(self.step_x), y + planes[k + 1] * np.float32(self.step_y)])
            for k in (0, 2)
        )
        return first, second

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
