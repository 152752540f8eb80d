"""The way back of a displacement: where each node's pixel comes from, found by fixed-point steps, coarse to fine."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import remap

COARSER = 2  # nodes per node of the coarse grid
DAMPING = 0.8  # converges for -1 < f' < 1.5; undamped iteration diverges on the brow
COARSE_STEPS, MOST_STEPS = 4, 5  # on the coarse grid; on the nodes themselves, only where they still move:
SETTLED = 0.02  # nodes; `cv2.remap` looks up at a 32nd of a node


def source_places(shift: NDArray[np.float32], nodes: NDArray[np.float32]) -> NDArray[np.float32]:
    """s of y = s + shift(s) for every node y: [rows, columns, 2], as `shift` (of positions s) and `nodes` are, all in nodes."""
    if not shift.any():
        return nodes.copy()
    opposite = -shift
    places = cv2.add(nodes, _coarse_way_back(opposite, nodes))
    x, y, columns, rows = 0, 0, places.shape[1], places.shape[0]
    for _ in range(MOST_STEPS):
        part = np.s_[y : y + rows, x : x + columns]
        before = places[part]
        after = cv2.add(nodes[part], remap(opposite, before))
        moving = cv2.compare(cv2.absdiff(after, before).reshape(rows, -1), SETTLED, cv2.CMP_GT)
        before[:] = cv2.addWeighted(after, DAMPING, before, 1 - DAMPING, 0)
        left, top, width, rows = cv2.boundingRect(moving)
        if not rows:
            break
        x, y, columns = x + left // 2, y + top, (left + width + 1) // 2 - left // 2
    return places


def _coarse_way_back(opposite: NDArray[np.float32], nodes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Source minus output position of every node, near enough to start from: steps on a grid of fewer nodes."""
    rows, columns = opposite.shape[:2]
    fewer = (-(-columns // COARSER), -(-rows // COARSER))
    nodes = nodes[: fewer[1], : fewer[0]]
    per_node = np.array([fewer[0] / columns, fewer[1] / rows])
    coarse = cv2.transform(cv2.resize(opposite, fewer, interpolation=cv2.INTER_AREA), np.diag(per_node))
    back = coarse
    for _ in range(COARSE_STEPS):
        back = cv2.addWeighted(remap(coarse, cv2.add(nodes, back)), DAMPING, back, 1 - DAMPING, 0)
    return cv2.transform(cv2.resize(back, (columns, rows), interpolation=cv2.INTER_LINEAR), np.diag(1 / per_node))
