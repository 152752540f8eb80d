"""`demo`: the bundled portrait speaks the bundled sentence."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..samples import PORTRAIT, SPEECH
from .generate import add_common_arguments, make_video

if TYPE_CHECKING:
    from .console import Console

HELP = "make sonic_demo.mp4 from the bundled picture and recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("sonic_demo.mp4"),
        metavar="FILE.mp4",
        help="The video to make. Default sonic_demo.mp4 in the current folder.",
    )
    parser.set_defaults(image=PORTRAIT, audio=SPEECH, trim_silence=False)
    add_common_arguments(parser)


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    report = make_video(args, console)
    console.say("Your own: python -m sonic_core generate --image PICTURE --audio RECORDING --output VIDEO.mp4")
    return report
