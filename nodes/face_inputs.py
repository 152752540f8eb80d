"""Inputs that say where the face is when the user knows better than the detector; for engines that need no face mesh."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..sonic_core.engines.base import Engine
from ..sonic_core.errors import SettingsError
from ..sonic_core.portrait.choosing import choose_portrait, parse_box
from ..sonic_core.portrait.portrait import Portrait
from ..sonic_core.progress import Progress, ignore
from .convert import is_number, picture_from_mask
from .engine_inputs import engines_that
from .host import advanced, io, wire_only

STOP, WHOLE = "error", "whole image"


def face_inputs() -> list[io.Input]:
    """Optional, so that prompts saved before they existed still run."""
    hinted = engines_that(lambda engine: not engine.needs_mesh)
    return [
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip=f"{engines_that(lambda engine: engine.takes_mask)}: where speech may act, instead of the face that is found. "
            "Paint it over the picture (MaskEditor).",
        ),
        advanced(
            io.String.Input(
                "face_box",
                default="",
                optional=True,
                tooltip=f"{hinted}: where the face is, in pixels of the picture: x, y, width, height. Empty = it is found.",
            )
        ),
        advanced(
            io.Combo.Input(
                "no_face",
                options=[STOP, WHOLE],
                default=STOP,
                optional=True,
                tooltip=f"{hinted}, when no face is found: error = stop and say so; "
                "whole image = let speech move the whole picture, with a warning.",
            )
        ),
    ]


def boxes_input() -> io.Input:
    """Optional and without a widget, so that graphs saved before it existed still run."""
    hinted = engines_that(lambda engine: not engine.needs_mesh)
    return wire_only(
        io.Custom("BOUNDING_BOX").Input(
            "bboxes",
            optional=True,
            tooltip=f"{hinted}: where the faces are, as core's detectors tell it, instead of face_box; face_index chooses one, by size.",
        )
    )


Box = tuple[float, float, float, float]


def chosen_box(bboxes: Any, face_index: int, width: int, height: int) -> Box | None:
    """x, y, width, height, within the picture, of core's bounding boxes: one, a list, or a list for each picture, of which the first.

    None for no boxes: nothing was detected.  Raises SettingsError for other values and for a face that is not among them.
    """
    boxes = bboxes
    while isinstance(boxes, (list, tuple)) and boxes and isinstance(boxes[0], (list, tuple)):
        boxes = boxes[0]
    boxes = [boxes] if isinstance(boxes, Mapping) else boxes
    if boxes is None or (isinstance(boxes, (list, tuple)) and not boxes):
        return None
    if not isinstance(boxes, (list, tuple)) or not all(map(_is_box, boxes)):
        raise SettingsError(
            f"bboxes is a {type(bboxes).__name__} without x, y, width and height in pixels. Connect the boxes of one of core's detectors."
        )
    found = sorted((_within(box, width, height) for box in boxes), key=lambda box: -box[2] * box[3])
    if face_index >= len(found):
        raise SettingsError(
            f"face_index is {face_index}, but bboxes holds {len(found)}; they are sorted by size, from 0."
        )
    return found[face_index]


def _is_box(value: Any) -> bool:
    sides = [value.get(side) for side in ("x", "y", "width", "height")] if isinstance(value, Mapping) else [None]
    return all(is_number(side) and isfinite(side) for side in sides)


def _within(box: Mapping[str, float], width: int, height: int) -> Box:
    left, top = max(0.0, float(box["x"])), max(0.0, float(box["y"]))
    right, bottom = min(float(width), box["x"] + box["width"]), min(float(height), box["y"] + box["height"])
    return left, top, max(0.0, right - left), max(0.0, bottom - top)


def portrait_of(
    model: Engine,
    picture: NDArray[np.uint8],
    face_index: int,
    mask: Tensor | None = None,
    face_box: str = "",
    no_face: str = STOP,
    progress: Progress = ignore,
    bboxes: Any = None,
) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait, and the user's mask if there is one.  Raises SettingsError where the engine must find the face itself."""
    given = {"mask": mask is not None, "face_box": bool(face_box.strip()), "bboxes": bboxes is not None}
    marked = [name for name, is_given in given.items() if is_given]
    marked += ["no_face"] * (no_face != STOP)
    if marked and model.declaration.needs_mesh:
        raise SettingsError(
            f"{', '.join(marked)}: the engine {model.name} finds the face itself. "
            "Leave it out, or choose another engine."
        )
    if given["face_box"] and given["bboxes"]:
        raise SettingsError("face_box and bboxes both say where the face is. Leave one out.")
    box = (
        parse_box(face_box) if given["face_box"] else chosen_box(bboxes, face_index, picture.shape[1], picture.shape[0])
    )
    painted = None if mask is None else picture_from_mask(mask)
    return choose_portrait(picture, face_index, box, painted, no_face == WHOLE, progress)
