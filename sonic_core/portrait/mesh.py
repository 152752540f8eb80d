"""The face in detail: 468 mesh points averaged over several crops, eye contours and irises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .crop import SquareCrop, as_batch
from .detection import Detection
from .networks import FaceNetwork, probability

ROI_MARGIN = 1.5  # side of the crop / longer side of the face box
RECROPS = 2  # the first crop comes from the detector, these from the mesh itself
JITTERS = 6  # crops that are averaged, against the noise of a single one
JITTER_SCALE, JITTER_SHIFT, JITTER_ANGLE = 0.035, 0.021, 0.03  # of the side, of the side, radians
EYE_MARGIN = 2.3  # side of the eye crop / width of the eye
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (362, 263)
OUTER_EYE_CORNERS = (33, 263)


@dataclass(frozen=True)
class MeshFit:
    """Landmarks [468, 3] in px of the picture (z smaller = nearer) and the confidence 0-1 that this is a face.

    misfit: how little detector and mesh take it for a human one, see `misfit`; 0 where nobody compared them.
    """

    landmarks: NDArray[np.float32]
    score: float
    misfit: float = 0.0

    @property
    def angle(self) -> float:
        """Tilt of the line between the outer eye corners, radians, clockwise on screen."""
        right, left = self.landmarks[list(OUTER_EYE_CORNERS), :2]
        return float(np.arctan2(left[1] - right[1], left[0] - right[0]))

    @property
    def crop(self) -> SquareCrop:
        """The upright square around the landmarks, with the margin the network was trained on."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        upright = np.array([[c, s], [-s, c]])
        points = self.landmarks[:, :2] @ upright.T
        low, high = points.min(0), points.max(0)
        x, y = upright.T @ ((low + high) / 2)
        return SquareCrop((float(x), float(y)), ROI_MARGIN * float(max(high - low)), self.angle)


def misfit(fit: MeshFit, found: Detection) -> float:
    """How far the eyes of detector and mesh lie apart, in eye distances, plus what the detector's score lacks to 1.

    On an animal the two networks, which know human faces alone, disagree.  Measured on 63 public pictures: people, paintings, drawings and
    statues 0.05 to 0.34 (0.40 heavily blurred or masked), animals 0.39 to 1.12.
    """
    corners = (RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS)
    eyes = np.array([fit.landmarks[list(pair), :2].mean(0) for pair in corners])
    seen = found.key_points[:2]
    apart = min(np.linalg.norm(seen - eyes, axis=1).max(), np.linalg.norm(seen[::-1] - eyes, axis=1).max())
    return float(apart / max(float(np.linalg.norm(eyes[1] - eyes[0])), 1e-6) + 1 - found.score)


def fit_mesh(network: FaceNetwork, image: NDArray[np.uint8], face: Detection) -> MeshFit:
    """Fit the mesh to a detected face: crop by the detector, then twice by the mesh found so far."""
    x, y = (face.box[:2] + face.box[2:]) / 2
    fit = _fit(network, image, [SquareCrop((float(x), float(y)), ROI_MARGIN * face.size, face.angle).on_grid()])
    for _ in range(RECROPS):
        fit = _fit(network, image, [fit.crop.on_grid()])
    return fit


def refine_mesh(network: FaceNetwork, image: NDArray[np.uint8], fit: MeshFit) -> MeshFit:
    """The mean over crops that are shifted, scaled and turned a little: takes the landmarks' noise down."""
    crop = fit.crop.on_grid()
    jittered = []
    for t in 2 * np.pi * np.arange(JITTERS) / JITTERS:
        shift = JITTER_SHIFT * crop.size
        centre = crop.centre[0] + shift * np.cos(t), crop.centre[1] + shift * np.sin(t)
        size = crop.size * (1 + JITTER_SCALE * np.cos(2 * t))
        jittered.append(SquareCrop(centre, size, crop.angle + JITTER_ANGLE * np.sin(t)))
    return _fit(network, image, jittered)


def _fit(network: FaceNetwork, image: NDArray[np.uint8], crops: list[SquareCrop]) -> MeshFit:
    batch = as_batch([crop.read(image, network.size) for crop in crops], 0, 1)
    points, logits = network(batch)
    landmarks = [crop.to_picture(found, network.size) for crop, found in zip(crops, points, strict=True)]
    return MeshFit(np.mean(landmarks, 0), float(probability(logits).mean()))


def fit_eyes(
    network: FaceNetwork, image: NDArray[np.uint8], fit: MeshFit
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Contours [2, 71, 2] and irises [2, 5, 2] in px; index 0 = the subject's right eye."""
    crops = []
    for corners, mirrored in ((RIGHT_EYE_CORNERS, False), (LEFT_EYE_CORNERS, True)):
        a, b = fit.landmarks[list(corners), :2]
        x, y = (a + b) / 2
        width = float(np.linalg.norm(b - a))
        crops.append(SquareCrop((float(x), float(y)), EYE_MARGIN * width, fit.angle, mirrored).on_grid())
    found = network(as_batch([crop.read(image, network.size) for crop in crops], 0, 1))
    contours, irises = (
        np.stack([crop.to_picture(p[:, :2], network.size) for crop, p in zip(crops, points, strict=True)])
        for points in found
    )
    return contours, irises
