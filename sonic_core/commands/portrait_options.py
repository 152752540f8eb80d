"""The picture, and where the face is when the user knows better than the detector."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..engines.base import Engine
    from ..portrait.portrait import Portrait
    from ..progress import Progress
    from ..settings import Settings


def add_face_choices(parser: argparse.ArgumentParser) -> None:
    face = parser.add_argument_group("face")
    group = face.add_mutually_exclusive_group()
    group.add_argument(
        "--face-box", type=_box, metavar="X,Y,W,H", help="sonic: where the face is, in pixels of the picture."
    )
    group.add_argument(
        "--mask", type=Path, metavar="FILE", help="sonic: a picture, white where speech may act, black elsewhere."
    )
    face.add_argument(
        "--whole-image",
        action="store_true",
        help="sonic: where no face is found, let speech move the whole picture and warn, instead of stopping.",
    )


def portrait_from(
    image: Path, args: argparse.Namespace, engine: Engine | type[Engine], settings: Settings, progress: Progress
) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait and the user's mask, if there is one.  Raises SettingsError when the engine must find the face itself."""
    from ..portrait.choosing import choose_portrait

    if engine.needs_mesh and (args.face_box or args.mask or args.whole_image):
        raise SettingsError(
            f"The {engine.name} engine finds the face itself; --face-box, --mask and --whole-image are for the sonic engine."
        )
    return choose_portrait(image, settings.face_index, args.face_box, args.mask, args.whole_image, progress)


def _box(text: str) -> tuple[float, ...]:
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers X,Y,W,H") from None
    return x, y, width, height
