"""Where the faces are: a detector for large upright faces, run again on turns and tiles of the picture when it finds none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .crop import SquareCrop, as_batch
from .networks import FaceNetwork, probability

SURE = 0.85  # below this the picture may be turned
BETTER = 0.05  # a turn must beat the upright picture by this
ACCEPT = 0.5
SAME_FACE = 0.3  # intersection over union
MOSTLY_INSIDE = 0.7  # intersection over the smaller box
TILINGS = (2, 3, 4)
SMALL_FACE = 0.3  # of the longer side: the detector is made for faces larger than this
CLOSE_MARGIN = 2.2  # side of the crop for a second look / longer side of the face box


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
        return Detection(
            self.score, self.box + np.array([x, y, x, y], np.float32), self.key_points + np.array([x, y], np.float32)
        )


def search_faces(network: FaceNetwork, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
    """Rounds of an ever closer search for faces in an RGB picture; take the first round that holds a real face.

    First the whole picture (and its quarter turns, if that is unsure, and tiles, if its faces are so small that others may have been
    missed), then overlapping tiles for small faces, then tiles and turns.
    Every detection is looked at again from near, which places its key points better. A face may come several times,
    turned differently, where it is not clear which way is up.
    """
    found = _from_near(network, image, _in_whole_picture(network, image))
    if found and max(face.size for face in found) < SMALL_FACE * max(image.shape[:2]):
        for count in TILINGS:
            found = _distinct(found + _from_near(network, image, _in_tiles(network, image, count, turns=(0,))))
    yield found
    for count in TILINGS:
        yield _from_near(network, image, _in_tiles(network, image, count, turns=(0,)))
    for count in TILINGS:
        yield _from_near(network, image, _in_tiles(network, image, count, turns=(1, 2, 3)))


def _in_whole_picture(network: FaceNetwork, image: NDArray[np.uint8]) -> list[Detection]:
    square = _padded_square(image)
    found = _detect(network, [square])[0]
    best = _best(found)
    if best < SURE:
        for turns in (1, 2, 3):
            turned = _detect_turned(network, square, turns)
            if _best(turned) > best + BETTER:
                best, found = _best(turned), turned
    return found


def _in_tiles(network: FaceNetwork, image: NDArray[np.uint8], count: int, turns: tuple[int, ...]) -> list[Detection]:
    found: list[Detection] = []
    for x, y, tile in _tiles(image, count):
        for quarter in turns:
            found += [face.moved(x, y) for face in _detect_turned(network, tile, quarter)]
    return _distinct(found)


def _from_near(network: FaceNetwork, image: NDArray[np.uint8], faces: list[Detection]) -> list[Detection]:
    """The faces as seen in a crop of each; where the first score leaves doubt, once for every quarter turn that shows a face."""
    return _distinct([near for face in _distinct(faces) for near in _look_closer(network, image, face)])


def _look_closer(network: FaceNetwork, image: NDArray[np.uint8], face: Detection) -> list[Detection]:
    x, y = (face.box[:2] + face.box[2:]) / 2
    turns = (0,) if face.score >= SURE else (0, 1, 2, 3)
    size = CLOSE_MARGIN * face.size
    crops = [SquareCrop((float(x), float(y)), size, face.angle + turn * np.pi / 2).on_grid() for turn in turns]
    views = _detect(network, [crop.read(image, network.size) for crop in crops])
    return [_in_picture(view[0], crop, network.size) for view, crop in zip(views, crops, strict=True) if view] or [face]


def _in_picture(face: Detection, crop: SquareCrop, side: int) -> Detection:
    """A detection in an upright crop as one in the picture: the box keeps its size and stays upright."""
    centre = crop.to_picture((face.box[:2] + face.box[2:])[None] / 2, side)[0]
    half = (face.box[2:] - face.box[:2]) / 2 * crop.size / side
    return Detection(face.score, np.concatenate([centre - half, centre + half]), crop.to_picture(face.key_points, side))


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


def _detect(network: FaceNetwork, squares: list[NDArray[np.uint8]]) -> list[list[Detection]]:
    """For each square, its faces in pixels of that square, the surest first."""
    size = (network.size, network.size)
    small = [cv2.resize(np.ascontiguousarray(square), size, interpolation=cv2.INTER_AREA) for square in squares]
    boxes, logits = network(as_batch(small, -1, 1))
    values, scores = boxes / network.size, probability(logits)
    anchors = _anchors(network.size)
    return [_decoded(v, s, anchors, len(square)) for v, s, square in zip(values, scores, squares, strict=True)]


def _decoded(
    values: NDArray[np.float32], scores: NDArray[np.float32], anchors: NDArray[np.float32], side: int
) -> list[Detection]:
    found = []
    for i in np.flatnonzero(scores >= ACCEPT):
        centre, half = values[i, :2] + anchors[i], values[i, 2:4] / 2
        box = np.concatenate([centre - half, centre + half]) * side
        found.append(Detection(float(scores[i]), box, (values[i, 4:].reshape(6, 2) + anchors[i]) * side))
    return _distinct(found)


def _detect_turned(network: FaceNetwork, square: NDArray[np.uint8], turns: int) -> list[Detection]:
    """Faces found after turning the square counter-clockwise by quarter turns, in pixels of the square as it is."""
    return [_turned_back(face, turns, len(square)) for face in _detect(network, [np.rot90(square, turns)])[0]]


def _anchors(side: int) -> NDArray[np.float32]:
    """Centres [896, 2] in 0-1: two anchors on every cell of the fine grid, six on the coarse one."""
    grids = []
    for stride, repeats in ((8, 2), (16, 6)):
        cells = side // stride
        y, x = (np.mgrid[:cells, :cells] + 0.5) / cells
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), repeats, 0))
    return np.concatenate(grids).astype(np.float32)


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Non-maximum suppression: of detections that share place and direction, the surest."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_same_face(face.box, other.box) and _same_direction(face, other) for other in kept):
            kept.append(face)
    return kept


def _same_direction(a: Detection, b: Detection) -> bool:
    return bool(np.cos(a.angle - b.angle) > np.cos(np.pi / 4))


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
