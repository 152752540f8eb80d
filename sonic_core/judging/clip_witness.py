"""What the quality report writes down of every frame, on the way of one pass: brightness, sharpness, the face's shape, colour and pose."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from ..portrait.head_pose import head_pose
from ..smoothing.luma_evening import brightness_step
from .lid_track import LidReader
from .mouth_track import FaceTracker, eye_distance
from .sharpness import cpbd

CELLS = 96  # px: the small picture in which brightness is compared
SHARPNESS_FRAMES = 12  # per clip; sharpness changes slowly
# Points that lips, lids and jaw leave alone: bridge and wings of the nose, eye corners, temples, forehead.
STEADY = (6, 168, 197, 195, 5, 4, 98, 327, 33, 133, 362, 263, 127, 356, 10, 109, 338, 151)
CHEEKS = (50, 280, 118, 347, 101, 330)
LOST = float("nan")


class ClipWitness:
    """A face tracker that notes, on the way, all that the report needs of each frame; lists have a value per frame, NaN without a face.

    steps: change of brightness, luma levels.  sharpness: CPBD of about SHARPNESS_FRAMES frames.  shapes: [18, 3] departure of the steady
    landmarks from the first face, eye distances, pose taken out.  colour: Lab distance of the cheeks from the first face's.  lids: opening
    of the eyes.  poses: yaw, pitch, roll in degrees.  places: x, y of the face, eye distances.
    """

    def __init__(self, tracker: FaceTracker, lids: LidReader, count: int) -> None:
        self._tracker, self._read_lids = tracker, lids
        self._every = max(1, count // SHARPNESS_FRAMES)
        self._small: NDArray[np.float32] | None = None
        self._first: NDArray[np.float32] | None = None
        self._first_colour: NDArray[np.float32] | None = None
        self.steps: list[float] = []
        self.sharpness: list[float] = []
        self.shapes: list[NDArray[np.float32]] = []
        self.colour: list[float] = []
        self.lids: list[float] = []
        self.poses: list[tuple[float, float, float]] = []
        self.places: list[tuple[float, float]] = []

    def __call__(self, frame: Frame) -> NDArray[np.float32] | None:
        if len(self.steps) % self._every == 0:
            self.sharpness.append(cpbd(frame))
        last, self._small = self._small, _small_luma(frame)
        self.steps.append(0.0 if last is None else brightness_step(last, self._small))
        landmarks = self._tracker(frame)
        if landmarks is None or not np.isfinite(landmarks).all():
            self._lost()
            return landmarks
        self._seen(frame, np.asarray(landmarks, np.float32))
        return landmarks

    def _lost(self) -> None:
        for values in (self.colour, self.lids):
            values.append(LOST)
        self.shapes.append(np.full((len(STEADY), 3), LOST, np.float32))
        self.poses.append((LOST, LOST, LOST))
        self.places.append((LOST, LOST))

    def _seen(self, frame: Frame, landmarks: NDArray[np.float32]) -> None:
        steady, colour = landmarks[list(STEADY)], _cheek_colour(frame, landmarks)
        if self._first is None or self._first_colour is None:
            self._first, self._first_colour = landmarks, colour
        scale = eye_distance(self._first[:, :2])
        self.shapes.append((_departure(self._first[list(STEADY)], steady) / scale).astype(np.float32))
        self.colour.append(float(np.linalg.norm(colour - self._first_colour)))
        self.lids.append(self._read_lids(frame, landmarks))
        pose = head_pose(landmarks)
        self.poses.append((pose.yaw, pose.pitch, pose.roll))
        self.places.append(tuple((steady[:, :2].mean(axis=0) / scale).tolist()))


def _small_luma(frame: Frame) -> NDArray[np.float32]:
    small = cv2.resize(frame, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _cheek_colour(frame: Frame, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median Lab of small patches on the cheeks."""
    reach = max(1, round(0.06 * eye_distance(landmarks[:, :2])))
    patches = []
    for x, y in np.round(landmarks[list(CHEEKS), :2]).astype(int):
        patch = frame[max(0, y - reach) : max(0, y + reach + 1), max(0, x - reach) : max(0, x + reach + 1)]
        if patch.size:
            patches.append(patch.reshape(-1, 3))
    if not patches:
        return np.full(3, np.nan, np.float32)
    pixels = np.concatenate(patches).astype(np.float32)[None] / 255
    return np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], axis=0)


def _departure(first: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N, 3] what is left of the difference after the best turn, scale and shift in space (Umeyama 1991), in px of `first`."""
    a, b = first - first.mean(axis=0), now - now.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a)
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((s * np.diag(turn)).sum() / max(1e-9, (b**2).sum()))
    return scale * b @ (u @ turn @ vt) - a
