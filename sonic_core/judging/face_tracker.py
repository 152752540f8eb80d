"""The project's face mesh, followed from frame to frame."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from ..portrait.crop import SquareCrop, as_batch
from ..portrait.detection import search_faces
from ..portrait.mesh import MeshFit, fit_mesh
from ..portrait.networks import FaceNetworks, load_networks, probability

MIN_SCORE = 0.5
_FOLLOW, _FOLLOW_SIZE = 0.5, 0.125
"""Share of the new crop in the next one: a jittering crop is the largest source of landmark noise. The size is steadier than the place."""
_JUMP = 0.1
_SEARCH_EVERY = 5
"""Frames between searches while no face is seen; the first search tries everything, later ones look at the whole picture only."""


class MeshTracker:
    """Called with the frames of one clip in order: landmarks `[468, 3]` px, or None where the largest face is lost.

    The crop follows the mesh smoothly; landmarks themselves are not smoothed, so that fast closures stay. A lost face is looked for again.
    """

    def __init__(self, networks: FaceNetworks | None = None) -> None:
        self._networks = networks or load_networks()
        self._crop: SquareCrop | None = None
        self._missed = 0

    def __call__(self, frame: Frame) -> NDArray[np.float32] | None:
        crop = self._crop
        if crop is None:
            self._search(frame)
            crop = self._crop
        if crop is None:
            return None
        fit = self._read(frame, crop)
        if fit.score < MIN_SCORE:
            self._crop = None
            return None
        self._crop = _followed(crop, fit.crop)
        return fit.landmarks

    def _search(self, frame: Frame) -> bool:
        self._missed += 1
        if self._missed % _SEARCH_EVERY != 1:
            return False
        efforts = search_faces(self._networks.detector, frame)
        if self._missed > 1:
            efforts = islice(efforts, 1)
        for faces in efforts:
            fits: list[MeshFit] = []
            for face in sorted(faces, key=lambda face: -face.score):
                fit = fit_mesh(self._networks.mesh, frame, face)
                if fit.score >= MIN_SCORE and not any(_same_face(fit.crop, better.crop) for better in fits):
                    fits.append(fit)
            if fits:
                self._crop, self._missed = max(fits, key=lambda fit: fit.crop.size).crop, 0
                return True
        return False

    def _read(self, frame: Frame, crop: SquareCrop) -> MeshFit:
        network = self._networks.mesh
        points, logits = network(as_batch([crop.read(frame, network.size)], 0, 1))
        return MeshFit(crop.to_picture(points[0], network.size), float(probability(logits).mean()))


def _same_face(one: SquareCrop, other: SquareCrop) -> bool:
    """Whether two crops share a centre: drawn faces are often found again, less surely, as turned by a quarter."""
    apart = np.hypot(*np.subtract(one.centre, other.centre))
    return bool(apart < 0.5 * min(one.size, other.size))


def _followed(old: SquareCrop, new: SquareCrop) -> SquareCrop:
    move = np.subtract(new.centre, old.centre)
    if np.hypot(*move) > _JUMP * old.size:
        return new
    x, y = np.add(old.centre, _FOLLOW * move)
    turn = (new.angle - old.angle + np.pi) % (2 * np.pi) - np.pi
    size = old.size + _FOLLOW_SIZE * (new.size - old.size)
    return replace(old, centre=(float(x), float(y)), size=float(size), angle=float(old.angle + _FOLLOW * turn))
