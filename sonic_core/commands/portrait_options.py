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
    group = parser.add_argument_group("face").add_mutually_exclusive_group()
    group.add_argument(
        "--face-box", type=_box, metavar="X,Y,W,H", help="sonic: where the face is, in pixels of the picture."
    )
    group.add_argument(
        "--mask", type=Path, metavar="FILE", help="sonic: a picture, white where speech may act, black elsewhere."
    )
    group.add_argument(
        "--whole-image", action="store_true", help="sonic: look for no face; speech may move the whole picture."
    )


def portrait_from(
    image: Path, args: argparse.Namespace, engine: Engine, settings: Settings, progress: Progress
) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait and the user's mask, if there is one.  Raises SettingsError when the engine must find the face itself."""
    from ..portrait.analysis import load_portrait
    from ..portrait.manual import portrait_in_box, portrait_with_mask, whole_picture

    if not (args.face_box or args.mask or args.whole_image):
        return load_portrait(image, settings.face_index, progress=progress), None
    if engine.needs_mesh:
        raise SettingsError(
            f"The {engine.name} engine finds the face itself; --face-box, --mask and --whole-image are for the sonic engine."
        )
    if args.mask:
        return portrait_with_mask(image, args.mask)
    return (portrait_in_box(image, args.face_box) if args.face_box else whole_picture(image)), None


def _box(text: str) -> tuple[float, ...]:
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers X,Y,W,H") from None
    return x, y, width, height
