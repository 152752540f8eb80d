"""What the published code does before and after its face network (a YOLO with anchors), number by number.

The engine finds faces with the detector of this package; this serves to compare with the published choice of a face, or to use
rows that the published network gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NET_SIDE = 416  # px of the shorter side
NET_STEP = 32
STRIDES = (8, 16, 32)
MIN_SCORE = 0.5
MAX_OVERLAP = 0.45


@dataclass(frozen=True)
class Faces:
    """Best first.  boxes: [N, 4] x, y, width, height in px of the picture.  scores: [N].  landmarks: [N, 10] x, y of five points."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    landmarks: NDArray[np.float64]


def network_size(height: int, width: int) -> tuple[int, int]:
    """Height and width that a picture is stretched to for the network."""
    ratio = NET_SIDE / min(height, width)
    return tuple((int(side * ratio) + NET_STEP - 1) // NET_STEP * NET_STEP for side in (height, width))


def cell_grids(height: int, width: int) -> list[NDArray[np.float32]]:
    """The third to fifth input of the network of this size: [1, 1, rows, columns, 2], column and row of every cell, per stride."""
    grids = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        grids.append(np.stack([columns, rows], axis=-1)[None, None].astype(np.float32))
    return grids


def faces_from_rows(rows: NDArray[np.floating], height: int, width: int) -> Faces:
    """Faces in a picture of this size from the network's rows [N, 16]: centre x, y, width, height, objectness, 10 landmarks, class."""
    net_height, net_width = network_size(height, width)
    rows = np.asarray(rows, dtype=np.float32).reshape(-1, 16)
    rows = rows[rows[:, 4] > MIN_SCORE]
    scores = rows[:, 15] * rows[:, 4]
    rows, scores = rows[scores > MIN_SCORE], scores[scores > MIN_SCORE]
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    half = rows[:, 2:4] / 2
    corners = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
    kept = _without_overlaps(corners)
    scale = np.array([width / net_width, height / net_height])
    boxes = corners[kept].astype(np.float64) * np.tile(scale, 2)
    boxes[:, 2:] -= boxes[:, :2]
    landmarks = rows[kept, 5:15].astype(np.float64) * np.tile(scale, 5)
    return Faces(boxes, scores[kept].astype(np.float64), landmarks)


def published_choice(boxes: Sequence[Sequence[float]]) -> int:
    """The face that the published code animates: the last one that is larger than the first, not the largest."""
    areas = [width * height for _, _, width, height in boxes]
    return max((i for i, area in enumerate(areas) if area > areas[0]), default=0)


def largest(boxes: Sequence[Sequence[float]]) -> int:
    """The face that it means to animate, and that the engine's `face_index` 0 is."""
    return int(np.argmax([width * height for _, _, width, height in boxes]))


def _without_overlaps(corners: NDArray[np.float32]) -> list[int]:
    """Indices of boxes [N, 4], best first, that overlap no better one (non-maximum suppression)."""
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    kept: list[int] = []
    for i in range(len(corners)):
        shared = np.minimum(corners[i, 2:], corners[kept, 2:]) - np.maximum(corners[i, :2], corners[kept, :2])
        inside = np.clip(shared, 0, None).prod(axis=1)
        if not (inside / (areas[i] + areas[kept] - inside) > MAX_OVERLAP).any():
            kept.append(i)
    return kept
