"""How well a picture suits animation, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import PortraitError
from .crop import SquareCrop
from .head_pose import head_pose
from .mouth import read_mouth
from .portrait import QualityReport

NEEDED = (33, 263, 61, 291, 17)  # outer eye corners, mouth corners, lower lip
PROFILE_YAW = 50  # degrees
TURNED_YAW = 33  # looked at: 26 and 32 degrees are usable; at 35 and 39 the corners tear when open lips close or round
RAISED_PITCH = 30
SMALL_PICTURE = 512  # short side, px
SMALL_FACE = 128  # px
TINY_EYE_DISTANCE = 22  # px
COVERED_MOUTH = 0.8
WIDE_OPEN_MOUTH = (
    0.17  # of the eye distance; smiles of 0.09 to 0.15 close on m and round on oo, mouths open by 0.21 and 0.25 do not
)
NEAR_EDGE = 0.12  # of the face
DOUBTFUL_PERSON, NO_PERSON = (
    0.38,
    0.7,
)  # misfit (mesh.py); between lie dogs whose faces the mesh follows after a fashion
BLURRED = 0.35  # what a blur of a fiftieth of the eye distance leaves is 0.25

SHARPNESS_SIDE = 320  # px: the face is looked at in its own size, at most in this
BLUR_SCALES = (0.7, 1.4, 2.8)  # px
BLURRED_DETAIL, SHARP_DETAIL = 0.30, 0.62  # detail between the first two scales / between the last two, on twelve faces


def check_quality(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    crop: SquareCrop,
    faces_found: int,
    name: str,
    misfit: float = 0.0,
) -> QualityReport:
    """Measure the face with these landmarks [468, 3] in an RGB picture; `crop` is the upright square around it.

    misfit: see mesh.misfit.  name: of the picture, for messages.
    Raises PortraitError for a profile, and for a face whose eyes or mouth lie outside.
    """
    pose = head_pose(landmarks)
    if abs(pose.yaw) > PROFILE_YAW:
        raise PortraitError(
            f"the face in {name} is turned {abs(pose.yaw):.0f} degrees to the side, nearly a profile; up to {PROFILE_YAW} can be animated. "
            "Use a picture in which both eyes and the whole mouth can be seen."
        )
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    face_px = float(min(high - low))
    height, width = image.shape[:2]
    if _outside(landmarks[list(NEEDED), :2], width, height):
        raise PortraitError(
            f"the edge of {name} cuts through the eyes or the mouth. Use a picture that shows the whole face, with some room around it."
        )
    mouth = read_mouth(image, landmarks, pose, crop)
    report = QualityReport(
        face_px=face_px,
        eye_distance_px=pose.eye_distance,
        yaw=pose.yaw,
        pitch=pose.pitch,
        roll=pose.roll,
        sharpness=sharpness(image, crop),
        mouth_open=mouth.opening,
        mouth_clarity=mouth.clarity,
        faces_found=faces_found,
        edge_distance=float(min(*low, width - 1 - high[0], height - 1 - high[1])) / face_px,
        misfit=misfit,
    )
    return advised(report, min(height, width))


def advised(report: QualityReport, short_side: int) -> QualityReport:
    """The report with the advice that follows from what was measured.  short_side: of the picture, px."""
    return replace(report, advice=tuple(_advice(report, short_side)))


def person_doubted(report: QualityReport) -> str | None:
    """A sentence where it is doubtful that the face is a person's; None where it is not."""
    if report.misfit <= DOUBTFUL_PERSON:
        return None
    return (
        f"This hardly looks like a person's face (misfit {report.misfit:.2f}, people have less than {DOUBTFUL_PERSON}): an animal, "
        "or covered or blurred beyond recognition? The mesh is made for human faces, so mouth and lids will not sit right. "
        "Use a clear picture of a person."
    )


def turned_too_far(report: QualityReport) -> str | None:
    """A sentence where the head is turned further than looks right when it speaks; None where it is not."""
    if abs(report.yaw) <= TURNED_YAW:
        return None
    return (
        f"The head is turned {abs(report.yaw):.0f} degrees to the side; up to {TURNED_YAW} looks natural. Beyond, the corners of the mouth "
        "tear when lips close or round, and the far eye hardly closes. Use a picture seen more from the front."
    )


def sharpness(image: NDArray[np.uint8], crop: SquareCrop) -> float:
    """0 (blurred) to 1: how much finer detail the face has, compared with coarser detail."""
    side = int(np.clip(crop.size, 48, SHARPNESS_SIDE))
    grey = cv2.cvtColor(crop.read(image, side), cv2.COLOR_RGB2GRAY).astype(np.float32)
    inner = slice(side // 5, side - side // 5)
    first, second, third = (cv2.GaussianBlur(grey, (0, 0), sigma)[inner, inner] for sigma in BLUR_SCALES)
    detail = float((first - second).std() / max(float((second - third).std()), 1e-3))
    return float(np.clip((detail - BLURRED_DETAIL) / (SHARP_DETAIL - BLURRED_DETAIL), 0, 1))


def _outside(points: NDArray[np.float32], width: int, height: int) -> bool:
    return bool((points < 0).any() or (points > (width - 1, height - 1)).any())


def _advice(report: QualityReport, short_side: int) -> Iterator[str]:
    """Sentences for the user: what was measured, what it means, what to do."""
    if doubt := person_doubted(report):
        yield doubt
    if short_side < SMALL_PICTURE:
        yield (
            f"The picture's shorter side is {short_side} px; from {SMALL_PICTURE} px on the result is sharper. "
            "Enlarging it adds no detail."
        )
    if report.eye_distance_px < TINY_EYE_DISTANCE:
        yield (
            f"The eyes are {report.eye_distance_px:.0f} px apart; under {TINY_EYE_DISTANCE} px lips and lids cannot be placed well. "
            "Use a larger picture of the face."
        )
    elif report.face_px < SMALL_FACE:
        yield (
            f"The face is {report.face_px:.0f} px wide; {SMALL_FACE} px and more give a clear mouth. "
            "Crop closer from a larger picture; the face framing alone enlarges, which adds no detail."
        )
    if report.sharpness < BLURRED:
        yield f"The face looks blurred (sharpness {report.sharpness:.2f} of 1); a sharper picture gives better lips and teeth."
    if turned := turned_too_far(report):
        yield turned
    if abs(report.pitch) > RAISED_PITCH:
        yield (
            f"The head is {'raised' if report.pitch > 0 else 'lowered'} by {abs(report.pitch):.0f} degrees; "
            f"up to {RAISED_PITCH} looks natural."
        )
    if report.mouth_clarity < COVERED_MOUTH:
        yield (
            f"The mouth may NOT move: the lips cannot be seen clearly (clarity {report.mouth_clarity:.1f}, {COVERED_MOUTH} is needed): "
            "covered by a mask, hand, microphone or beard? Use a picture in which the whole mouth is visible."
        )
    elif report.mouth_open > WIDE_OPEN_MOUTH:
        yield (
            f"The mouth is wide open in the picture (by {report.mouth_open:.2f} of the eye distance; up to {WIDE_OPEN_MOUTH} can be "
            "closed): it will not shut on m, b and p, and its corners may tear. Use a picture with lips closed or just touching."
        )
    if report.edge_distance < NEAR_EDGE:
        where = "is cut by" if report.edge_distance < 0 else "is close to"
        yield f"The face {where} the picture's edge, so the head moves less; leave some room around it."
    if report.faces_found > 1:
        yield f"{report.faces_found} faces were found, sorted by size; choose another one with face_index (--face-index)."
