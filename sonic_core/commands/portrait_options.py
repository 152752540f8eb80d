"""Where the face is when the user knows better than the detector."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..engines.registry import declarations


def add_face_choices(parser: argparse.ArgumentParser) -> None:
    hinted = ", ".join(engine.name for engine in declarations() if not engine.needs_mesh)
    masked = ", ".join(engine.name for engine in declarations() if engine.takes_mask)
    face = parser.add_argument_group("face")
    group = face.add_mutually_exclusive_group()
    group.add_argument(
        "--face-box", type=_box, metavar="X,Y,W,H", help=f"{hinted}: where the face is, in pixels of the picture."
    )
    group.add_argument(
        "--mask", type=Path, metavar="FILE", help=f"{masked}: a picture, white where speech may act, black elsewhere."
    )
    face.add_argument(
        "--image-frame",
        type=int,
        metavar="N",
        help="Frame N of a video given as --image is the picture; 0 is the first.",
    )
    face.add_argument(
        "--whole-image",
        action="store_true",
        help=f"{hinted}: where no face is found, let speech move the whole picture and warn, instead of stopping.",
    )


def _box(text: str) -> tuple[float, ...]:
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers X,Y,W,H") from None
    return x, y, width, height
