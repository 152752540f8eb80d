"""Portrait: a picture with the face that will speak, measured once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class QualityReport:
    """How well a picture suits animation.

    face_px: length of the face box's shorter side.  eye_distance_px: distance of the eye centres.  yaw, pitch, roll: degrees.
    sharpness: 0 (blurred) to 1.  mouth_open: inner lip gap / eye distance.  mouth_clarity: confidence of the lip line, under 0.8 = covered.
    faces_found: 0 = none was looked for; then what is measured on a mesh is 0.
    edge_distance: distance of the face box to the nearest picture edge / face_px, negative when cut.  advice: sentences for the user.
    misfit: how little the face looks like a person's (mesh.py), 0.05 to 0.34 on people, more on animals; 0 = not measured.
    """

    face_px: float
    eye_distance_px: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    mouth_open: float
    mouth_clarity: float
    faces_found: int
    edge_distance: float
    advice: tuple[str, ...] = ()
    misfit: float = 0.0


@dataclass(frozen=True)
class Portrait:
    """A picture and the geometry of one face in it; all coordinates in pixels of `image`, x right, y down.

    image: RGB uint8 [H, W, 3], transparent parts over white.  alpha: opacity, uint8 [H, W], or None.
    landmarks: float32 [468, 3] of the MediaPipe face mesh, z smaller = nearer.
    eye_contours: float32 [2, 71, 2], irises: float32 [2, 5, 2]; index 0 = the subject's right eye.  face_box: x0, y0, x1, y1.
    A portrait marked by the user (manual.py) has no mesh: its arrays of points are empty.
    score: confidence of the mesh, 0-1.  digest: sha256 of the picture's content.  name: for messages.
    """

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    landmarks: NDArray[np.float32]
    eye_contours: NDArray[np.float32]
    irises: NDArray[np.float32]
    face_box: tuple[float, float, float, float]
    face_index: int
    score: float
    report: QualityReport
    digest: str
    name: str = "picture"

    @property
    def has_mesh(self) -> bool:
        """Whether features of a face were measured; a face box alone has none."""
        return len(self.landmarks) > 0

    @property
    def height(self) -> int:
        """Rows of the picture, px."""
        return self.image.shape[0]

    @property
    def width(self) -> int:
        """Columns of the picture, px."""
        return self.image.shape[1]
