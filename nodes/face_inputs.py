"""Inputs that say where the face is when the user knows better than the detector; for engines that need no face mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..sonic_core.engines.base import Engine
from ..sonic_core.errors import SettingsError
from ..sonic_core.portrait.choosing import choose_portrait, parse_box
from ..sonic_core.portrait.portrait import Portrait
from ..sonic_core.progress import Progress, ignore
from .convert import picture_from_mask
from .engine_inputs import engines_that
from .host import advanced, io

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


def portrait_of(
    model: Engine,
    picture: NDArray[np.uint8],
    face_index: int,
    mask: Tensor | None = None,
    face_box: str = "",
    no_face: str = STOP,
    progress: Progress = ignore,
) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait, and the user's mask if there is one.  Raises SettingsError where the engine must find the face itself."""
    marked = [name for name, given in (("mask", mask is not None), ("face_box", face_box.strip())) if given]
    marked += ["no_face"] * (no_face != STOP)
    if marked and model.declaration.needs_mesh:
        raise SettingsError(
            f"{', '.join(marked)}: the engine {model.name} finds the face itself. "
            "Leave it out, or choose another engine."
        )
    box = parse_box(face_box) if face_box.strip() else None
    painted = None if mask is None else picture_from_mask(mask)
    return choose_portrait(picture, face_index, box, painted, no_face == WHOLE, progress)
