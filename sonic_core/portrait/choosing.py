"""Where the face is: found by the detector, or marked by the user who knows better, or everywhere when neither says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFaceError, SettingsError
from ..progress import Progress, ignore
from ..runtime.network import TORCH
from .analysis import load_portrait
from .loading import Source, load_picture
from .manual import portrait_in_box, portrait_with_mask, whole_picture
from .portrait import Portrait


def choose_portrait(
    source: Source,
    face_index: int = 0,
    box: Sequence[float] | None = None,
    mask: Source | None = None,
    whole_if_no_face: bool = False,
    progress: Progress = ignore,
    cache_dir: Path | None = None,
    frame: int | None = None,
    runtime: str = TORCH,
    folders: Sequence[Path] | None = None,
) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait, and the user's mask (uint8 [H, W]) if there is one.

    box: x, y, width, height in px of the picture, mask: white where speech may act; either takes the place of detection, so that there is
    no face mesh.  whole_if_no_face: a picture in which no face is found speaks as a whole, and its advice says so.
    frame: the picture is this frame (from 0) of a video file.  runtime, folders: see `networks.load_networks`.
    Raises PortraitError: no face (NoFaceError), a box or a mask that does not fit the picture.
    """
    if box is not None and mask is not None:
        raise SettingsError("A face box and a mask are given; both say where the face is. Leave one out.")
    if frame is not None:
        source = load_picture(source, frame)
    if mask is not None:
        return portrait_with_mask(source, mask)
    if box is not None:
        return portrait_in_box(source, box), None
    try:
        return load_portrait(source, face_index, cache_dir, progress, runtime, folders), None
    except NoFaceError:
        if not whole_if_no_face:
            raise
        return whole_picture(source), None


def parse_box(text: str) -> tuple[float, float, float, float]:
    """ "x, y, width, height" as numbers.  Raises SettingsError for anything else."""
    try:
        x, y, width, height = (float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        raise SettingsError(
            f"The face box is {text!r}; expected four numbers in pixels: x, y, width, height, such as 120, 80, 200, 260."
        ) from None
    return x, y, width, height
