"""`sheet`: eighteen poses of a picture on one page, to see how far it carries."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..settings import STYLES
from .generate import describe_portrait

if TYPE_CHECKING:
    from .console import Console

log = logging.getLogger(__name__)

HELP = "draw eighteen poses of a picture: is it suitable?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", required=True, type=Path, metavar="FILE", help="The picture: png, jpg, webp, ...")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FILE.png", help="The picture to write: png or jpg."
    )
    parser.add_argument(
        "--face-index", type=int, default=0, metavar="N", help="Which face, 0 is the largest. Default 0."
    )
    parser.add_argument("--style", choices=STYLES, default="auto", help="How mouth and lids are drawn. Default auto.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the output file if it exists.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    import cv2

    from ..engines.registry import engine_class, first_that
    from ..errors import OutputError
    from ..media.pending_file import write_complete
    from ..portrait.analysis import load_portrait
    from ..settings import Settings

    if args.output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OutputError(f"Cannot write {args.output}: the sheet is a picture. Give a name that ends in .png or .jpg.")
    portrait = load_portrait(args.image, args.face_index, progress=console)
    for line in describe_portrait(portrait):
        console.say(line)
    drawing = first_that(lambda engine: engine.draws_poses)
    sheet = engine_class(drawing.name).pose_sheet(portrait, Settings(style=args.style), console)
    for note in sheet.notes:
        console.say(f"Note:    {note}")
    for warning in sheet.warnings:
        log.warning("%s", warning)
    # Not cv2.imwrite: on Windows it knows no name outside the system's code page.
    _, content = cv2.imencode(args.output.suffix, cv2.cvtColor(sheet.image, cv2.COLOR_RGB2BGR))
    path = write_complete(args.output, content.tobytes(), args.overwrite)
    height, width = sheet.image.shape[:2]
    console.say(f"Done:    {path}  ({width}x{height})")
    return {
        "output": str(path),
        "width": width,
        "height": height,
        "portrait": asdict(portrait.report),
        "notes": list(sheet.notes),
    }
