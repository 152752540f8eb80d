"""Portraits whose speaking part the user marks, for engines that need no face mesh: by a box, by a mask, or the whole picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import PortraitError
from .cache import content_digest
from .loading import Picture, Source, load_picture
from .portrait import Portrait, QualityReport
from .quality import SMALL_FACE

MIN_BOX = 16  # px
WHOLE_PICTURE = "No face was found: speech may move everything in the picture."


def portrait_in_box(source: Source, box: Sequence[float]) -> Portrait:
    """A picture with the face where the user says: x, y, width, height in px.  Raises PortraitError for a box that is not in it."""
    picture = load_picture(source)
    x, y, width, height = map(float, box)
    picture_height, picture_width = picture.image.shape[:2]
    large = width >= MIN_BOX and height >= MIN_BOX  # of NaN nothing holds
    if not (large and x >= 0 and y >= 0 and x + width <= picture_width and y + height <= picture_height):
        raise PortraitError(
            f"the face box is {width:g} x {height:g} px at {x:g}, {y:g}; expected at least {MIN_BOX} x {MIN_BOX} px inside {picture.name}, "
            f"which is {picture_width} x {picture_height}."
        )
    small = (f"The box is {min(width, height):.0f} px wide; {SMALL_FACE} and more look better.",)
    return _portrait(picture, (x, y, x + width, y + height), small if min(width, height) < SMALL_FACE else ())


def portrait_with_mask(source: Source, mask: Source) -> tuple[Portrait, NDArray[np.uint8]]:
    """A picture and a mask of the same shape (white = where speech may act, black = nowhere); the face box is around the white.

    Returns the portrait and the mask, uint8 [H, W].  Raises PortraitError for a mask of another shape or without white.
    """
    picture, painted = load_picture(source), load_picture(mask)
    height, width = picture.image.shape[:2]
    weights = painted.image.mean(axis=2).round().astype(np.uint8)
    if abs(weights.shape[1] / weights.shape[0] - width / height) > 0.01 * width / height:
        raise PortraitError(
            f"the mask {painted.name} is {weights.shape[1]} x {weights.shape[0]}, {picture.name} is {width} x {height}; "
            "paint it over the picture."
        )
    rows, columns = (np.flatnonzero((weights > 127).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise PortraitError(f"the mask {painted.name} has no white in it; paint white over what shall speak.")
    scale = width / weights.shape[1], height / weights.shape[0]
    box = (columns[0] * scale[0], rows[0] * scale[1], (columns[-1] + 1) * scale[0], (rows[-1] + 1) * scale[1])
    x0, y0, x1, y1 = map(float, box)
    return _portrait(picture, (x0, y0, x1, y1), ()), weights


def whole_picture(source: Source) -> Portrait:
    """A picture in which everything may move, as its advice says."""
    picture = load_picture(source)
    height, width = picture.image.shape[:2]
    return _portrait(picture, (0.0, 0.0, float(width), float(height)), (WHOLE_PICTURE,))


def _portrait(picture: Picture, box: tuple[float, float, float, float], advice: tuple[str, ...]) -> Portrait:
    """Without a mesh; what is measured on a mesh is 0 in the report."""
    x0, y0, x1, y1 = box
    height, width = picture.image.shape[:2]
    face_px = min(x1 - x0, y1 - y0)
    edge = min(x0, y0, width - x1, height - y1) / face_px
    report = QualityReport(face_px, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, edge, picture.notes + advice)
    return Portrait(
        image=picture.image,
        alpha=picture.alpha,
        landmarks=np.zeros((0, 3), np.float32),
        eye_contours=np.zeros((0, 71, 2), np.float32),
        irises=np.zeros((0, 5, 2), np.float32),
        face_box=box,
        face_index=0,
        score=0.0,
        report=report,
        digest=content_digest(picture.image, picture.alpha),
        name=picture.name,
    )
