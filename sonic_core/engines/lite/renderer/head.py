"""HeadFrame: the head's axes, scale and pivot in image space, and rigid head motion."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from ..parameters import Pose
from . import landmarks as lm

PIVOT_DOWN, PIVOT_BEHIND_EARS = 0.9, 0.15  # IOD below the eyes and behind the ears: the top of the neck, by eye


@dataclass(frozen=True)
class HeadFrame:
    """Where the head is.  Image space: px, x right, y down, z away from the camera.

    axes: [3, 3], columns right, down, back.  iod: distance of the eye centres along the right axis, px.
    eye_center: [3] between the eyes.  pivot: [3] in the neck, about which the head turns.
    ear_depth, lip_depth: along the back axis from eye_center, px.  chin: along the down axis, IOD.
    """

    axes: NDArray[np.float64]
    iod: float
    eye_center: NDArray[np.float64]
    pivot: NDArray[np.float64]
    ear_depth: float
    lip_depth: float
    chin: float

    @property
    def right(self) -> NDArray[np.float64]:
        return self.axes[:, 0]

    @property
    def down(self) -> NDArray[np.float64]:
        return self.axes[:, 1]

    @property
    def back(self) -> NDArray[np.float64]:
        return self.axes[:, 2]

    def rotation(self, yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
        """Rotation matrix [3, 3] in image space for angles in degrees about the head's own axes."""
        y, x, z = radians(yaw), radians(pitch), radians(roll)
        about_y = np.array([[cos(y), 0, -sin(y)], [0, 1, 0], [sin(y), 0, cos(y)]])
        about_x = np.array([[1, 0, 0], [0, cos(x), sin(x)], [0, -sin(x), cos(x)]])
        about_z = np.array([[cos(z), -sin(z), 0], [sin(z), cos(z), 0], [0, 0, 1]])
        return self.axes @ (about_z @ about_x @ about_y) @ self.axes.T

    def motion(self, pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rotation [3, 3] and shift [3] px by which `pose` carries points along: `rotation @ point + shift`."""
        rotation = self.rotation(pose.yaw, pose.pitch, pose.roll)
        shift = np.array([pose.tx, pose.ty, 0.0]) * self.iod
        return rotation, self.pivot + shift - rotation @ self.pivot


def head_frame(points: NDArray[np.floating]) -> HeadFrame:
    """Measure the head frame from face mesh landmarks [468, 3]."""
    p = np.asarray(points, np.float64)
    right = np.mean([(p[b] - p[a]) / np.linalg.norm(p[b] - p[a]) for a, b in lm.MIRROR_PAIRS], axis=0)
    right /= np.linalg.norm(right)
    down = p[lm.CHIN] - p[lm.FOREHEAD_TOP]
    down -= (down @ right) * right
    down /= np.linalg.norm(down)
    back = np.cross(right, down)
    eyes = [p[list(lm.UPPER_LID[k] + lm.LOWER_LID[k])].mean(0) for k in (0, 1)]
    iod = max(abs((eyes[1] - eyes[0]) @ right), 1e-3)
    center = (eyes[0] + eyes[1]) / 2
    ear_depth = ((p[lm.EAR_RIGHT] + p[lm.EAR_LEFT]) / 2 - center) @ back
    return HeadFrame(
        axes=np.stack([right, down, back], 1),
        iod=float(iod),
        eye_center=center,
        pivot=center + PIVOT_DOWN * iod * down + (ear_depth + PIVOT_BEHIND_EARS * iod) * back,
        ear_depth=float(ear_depth),
        lip_depth=float((p[lm.UPPER_LIP_INNER_MIDDLE] - center) @ back),
        chin=float((p[lm.CHIN] - center) @ down / iod),
    )
