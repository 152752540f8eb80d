"""What SONIC_PreData found, as a text and as a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..sonic_core.engines.base import Conditioning

BYTES_PER_PIXEL = 12  # an IMAGE holds three float32 per pixel
GREEN, WHITE = (64, 220, 96), (255, 255, 255)


def report_text(conditioning: Conditioning) -> str:
    """Face, output, memory of the frames as IMAGE, and every note and piece of advice, a line each."""
    face, settings = conditioning.portrait.report, conditioning.settings
    height, width = output_size(conditioning)
    gigabytes = height * width * BYTES_PER_PIXEL * conditioning.frame_count / 2**30
    faces = "1 face found" if face.faces_found == 1 else f"{face.faces_found} faces found"
    lines = [
        f"{faces}; number {conditioning.portrait.face_index} speaks: {face.face_px:.0f} px wide, "
        f"turned {face.yaw:+.0f}°, nodding {face.pitch:+.0f}°, tilted {face.roll:+.0f}°.",
        f"Video: {width} x {height} px, {conditioning.frame_count} frames at {conditioning.fps:g} fps = "
        f"{conditioning.frame_count / conditioning.fps:.2f} s, framing {settings.framing}.",
        f"Sound: {conditioning.audio.name}, {conditioning.audio.duration:.2f} s at {conditioning.audio.rate} Hz.",
        f"Memory: the decoded frames need {gigabytes:.2f} GB; Sonic Generate streams them and needs none of it.",
    ]
    lines += [f"Note: {note}" for note in conditioning.notes]
    lines += [f"Advice: {advice}" for advice in face.advice]
    return "\n".join(lines)


def report_picture(conditioning: Conditioning) -> NDArray[np.uint8]:
    """The framed picture with face box, lips and eyes drawn in, RGB `[H, W, 3]`."""
    portrait = conditioning.portrait
    picture = np.ascontiguousarray(portrait.image).copy()
    thickness = max(1, round(min(picture.shape[:2]) / 300))
    x0, y0, x1, y1 = (round(edge) for edge in portrait.face_box)
    cv2.rectangle(picture, (x0, y0), (x1, y1), GREEN, thickness, cv2.LINE_AA)
    radius = max(1, round(portrait.report.face_px / 150))
    for x, y in portrait.landmarks[:, :2]:
        cv2.circle(picture, (round(float(x)), round(float(y))), radius, GREEN, -1, cv2.LINE_AA)
    for contour in portrait.eye_contours:
        cv2.polylines(picture, [np.round(contour[:16]).astype(np.int32)], False, WHITE, thickness, cv2.LINE_AA)
    return picture


def output_size(conditioning: Conditioning) -> tuple[int, int]:
    """Height and width of the frames."""
    picture = conditioning.paste.image if conditioning.paste else conditioning.portrait.image
    return picture.shape[:2]
