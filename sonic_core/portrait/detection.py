"""Where the faces are: a detector for large upright faces, run again on turns and tiles of the picture when it finds none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .crop import as_batch
from .networks import FaceDetector

SURE = 0.85  # below this the picture may be turned
BETTER = 0.05  # a turn must beat the upright picture by this
ACCEPT = 0.5
SAME_FACE = 0.3  # intersection over union
MOSTLY_INSIDE = 0.7  # intersection over the smaller box
TILINGS = (2, 3, 4)


@dataclass(frozen=True)
class Detection:
    """A face in the picture: score 0-1, box x0, y0, x1, y1 and six key points [6, 2] in px (right eye, left eye, nose, mouth, ears)."""

    score: float
    box: NDArray[np.float32]
    key_points: NDArray[np.float32]

    @property
    def size(self) -> float:
        return float(max(self.box[2:] - self.box[:2]))

    @property
    def angle(self) -> float:
        """Tilt of the line between the eyes, radians, clockwise on screen."""
        dx, dy = self.key_points[1] - self.key_points[0]
        return float(np.arctan2(dy, dx))

    def moved(self, x: float, y: float) -> Detection:
        return Detection(self.score, self.box + np.float32([x, y, x, y]), self.key_points + np.float32([x, y]))


def detect_faces(network: FaceDetector, image: NDArray[np.uint8]) -> list[Detection]:
    """All faces of an RGB picture, the largest first; empty when there is none.

    The whole picture is tried first, then (if that is unsure) its quarter turns, then overlapping tiles for small faces.
    """
    square = _padded_square(image)
    found = _detect(network, square)
    best = _best(found)
    if best < SURE:
        for turns in (1, 2, 3):
            turned = _detect(network, np.rot90(square, turns))
            if _best(turned) > best + BETTER:
                best = _best(turned)
                found = [_turned_back(face, turns, len(square)) for face in turned]
    if not found:
        found = _detect_in_tiles(network, image)
    return sorted(found, key=lambda face: -face.size)


def _detect_in_tiles(network: FaceDetector, image: NDArray[np.uint8]) -> list[Detection]:
    for count in TILINGS:
        found: list[Detection] = []
        for x, y, tile in _tiles(image, count):
            found += [face.moved(x, y) for face in _detect(network, tile)]
        if found:
            return _distinct(found)
    return []


def _tiles(image: NDArray[np.uint8], count: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """count x count squares that overlap by a third: x, y of the corner and the pixels."""
    height, width = image.shape[:2]
    side = int(max(height, width) * 1.5 / count)
    rows, columns = (np.unique(np.linspace(0, max(length - side, 0), count).astype(int)) for length in (height, width))
    for y in rows:
        for x in columns:
            yield int(x), int(y), _padded_square(image[y : y + side, x : x + side], side)


def _padded_square(image: NDArray[np.uint8], side: int = 0) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    side = max(side, height, width)
    return np.pad(image, ((0, side - height), (0, side - width), (0, 0)))


def _detect(network: FaceDetector, square: NDArray[np.uint8]) -> list[Detection]:
    side = len(square)
    small = cv2.resize(np.ascontiguousarray(square), (network.size, network.size), interpolation=cv2.INTER_AREA)
    with torch.inference_mode():
        boxes, logits = network(as_batch([small], -1, 1))
    scores = torch.sigmoid(logits[0]).numpy()
    anchors = _anchors(network.size)
    values = boxes[0].numpy() / network.size
    found = []
    for i in np.flatnonzero(scores >= ACCEPT):
        centre, half = values[i, :2] + anchors[i], values[i, 2:4] / 2
        key_points = values[i, 4:].reshape(6, 2) + anchors[i]
        found.append(
            Detection(float(scores[i]), np.concatenate([centre - half, centre + half]) * side, key_points * side)
        )
    return _distinct(found)


def _anchors(side: int) -> NDArray[np.float32]:
    """Centres [896, 2] in 0-1: two anchors on every cell of the fine grid, six on the coarse one."""
    grids = []
    for stride, repeats in ((8, 2), (16, 6)):
        cells = side // stride
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), repeats, 0))
    return np.concatenate(grids).astype(np.float32)


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Non-maximum suppression: of boxes that overlap, the surest."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_same_face(face.box, other.box) for other in kept):
            kept.append(face)
    return kept


def _same_face(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two boxes overlap much, or one lies mostly inside the other (a tile may see a part of a face)."""
    inside = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    areas = (a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()
    return bool(inside > SAME_FACE * (sum(areas) - inside) or inside > MOSTLY_INSIDE * min(areas))


def _best(faces: list[Detection]) -> float:
    return max((face.score for face in faces), default=0.0)


def _turned_back(face: Detection, turns: int, side: int) -> Detection:
    """From a square turned counter-clockwise by quarter turns to the square itself."""
    points = np.concatenate([face.key_points, face.box.reshape(2, 2)])
    for _ in range(turns):
        points = np.stack([side - points[:, 1], points[:, 0]], -1)
    key_points, corners = points[:6], points[6:]
    return Detection(face.score, np.concatenate([corners.min(0), corners.max(0)]), key_points)
