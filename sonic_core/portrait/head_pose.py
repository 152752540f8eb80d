"""Which way the head looks, read off the mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Pairs that mirror each other on a face, image left first: their mean direction is the head's left-right axis.
MIRROR_PAIRS = np.array(
    ((33, 263), (133, 362), (61, 291), (234, 454), (172, 397), (58, 288), (93, 323), (46, 276), (50, 280), (98, 327))
)
FOREHEAD_TOP, CHIN = 10, 152
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155),
    (362, 398, 384, 385, 386, 387, 388, 466, 263, 382, 381, 380, 374, 373, 390, 249),
)


@dataclass(frozen=True)
class HeadPose:
    """The head's axes [3, 3] (columns: to the image right, down, away from the camera), its angles in degrees
    (yaw + = nose to the image right, pitch + = nose up, roll + = clockwise) and the distance of the eye centres in px."""

    axes: NDArray[np.float64]
    yaw: float
    pitch: float
    roll: float
    eye_distance: float


def head_pose(landmarks: NDArray[np.float32]) -> HeadPose:
    """Measure pose from landmarks [468, 3] (z smaller = nearer).  The mesh is shallow: yaw and pitch come out some 20 % small."""
    points = landmarks.astype(np.float64)
    across = points[MIRROR_PAIRS[:, 1]] - points[MIRROR_PAIRS[:, 0]]
    x = _unit(np.mean(across / np.linalg.norm(across, axis=1, keepdims=True), 0))
    y = points[CHIN] - points[FOREHEAD_TOP]
    y = _unit(y - (y @ x) * x)
    z = np.cross(x, y)
    right, left = (points[list(eye)].mean(0) for eye in EYES)
    roll = np.arctan2(x[1], x[0])
    upright_x = z[0] * np.cos(roll) + z[1] * np.sin(roll)
    upright_y = z[1] * np.cos(roll) - z[0] * np.sin(roll)
    yaw, pitch, roll = np.degrees([np.arctan2(-upright_x, z[2]), np.arctan2(upright_y, z[2]), roll])
    return HeadPose(np.stack([x, y, z], 1), float(yaw), float(pitch), float(roll), float(abs((left - right) @ x)))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
