"""`interpolate`: another frame rate for any video file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..between.interpolators import INTERPOLATORS
from .engine_options import add_models_folder, searched_folders
from .options import add_encoding, encoding_from

if TYPE_CHECKING:
    from ..between.interpolation import Between
    from ..frames import Frame
    from .console import Console

HELP = "give a video another frame rate, with new frames between the old ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="CLIP.mp4", help="The video, or a folder of pictures.")
    parser.add_argument(
        "--fps", required=True, type=float, metavar="N", help="Frames per second, 1 to 240; 29.97 is 30000/1001."
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.mp4", help="The video to make. Default: CLIP_50fps.mp4 beside the clip."
    )
    add_interpolation(parser)
    add_models_folder(parser, "Searched first for RIFE's weights.")
    parser.add_argument("--device", default="cpu", metavar="NAME", help="RIFE: cuda, mps or cpu. Default cpu.")
    add_encoding(parser)


def add_interpolation(parser: argparse._ActionsContainer) -> None:
    """How frames between frames are made."""
    parser.add_argument(
        "--interpolation",
        choices=INTERPOLATORS,
        default=INTERPOLATORS[0],
        help="rife = network, its weights (flownet.pkl) in the models folder; flow = optical flow; auto = rife if the weights are there.",
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    encoding = encoding_from(args)

    from ..between.clip_interpolation import interpolate_clip, left_behind
    from ..media.probe import probe

    start = time.perf_counter()
    before, notes = probe(args.file), left_behind(args.file)
    between = between_from(args, args.device)
    path = interpolate_clip(args.file, args.fps, args.output, between, encoding, args.overwrite, console)
    after = probe(path)
    seconds = time.perf_counter() - start
    for note in notes:
        console.say(f"Note:    {note}")
    console.say(
        f"Done:    {path}  ({before.frames} frames at {before.fps:g} fps -> {after.frames} at {after.fps:g} fps, "
        f"made in {seconds:.1f} s)"
    )
    return {
        "file": str(args.file),
        "output": str(path),
        "frames": after.frames,
        "fps": after.fps,
        "duration": after.duration,
        "audio_duration": after.audio_duration,
        "seconds": round(seconds, 3),
        "notes": list(notes),
    }


def between_from(args: argparse.Namespace, device: str) -> Between[Frame]:
    """The interpolator that was asked for."""
    from ..between.clip_interpolation import interpolator

    return interpolator(args.interpolation, searched_folders(args.models_folder), device)
