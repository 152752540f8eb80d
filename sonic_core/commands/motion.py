"""`motion`: the motion of a recording as named curves, without any picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import first_that, load_engine
from ..errors import OutputError
from .engine_options import add_options_of, options_of
from .generate import describe_audio
from .options import add_recording, add_settings, settings_from

if TYPE_CHECKING:
    from ..engines.declaration import Declaration
    from .console import Console

HELP = "write all motion curves of a recording, with names, frame rate and start time"
OF_THE_PICTURE = ("min_resolution", "expand_ratio", "framing", "face_index", "style", "aspect")  # there is none here


def telling() -> Declaration:
    """The engine whose motion is told."""
    return first_that(lambda engine: engine.tells_motion)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recording(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="FILE.json", help="The file of curves to write.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the output file if it exists.")
    add_options_of(parser, telling())
    add_settings(parser, without=OF_THE_PICTURE)


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    settings = settings_from(args)
    if args.output.suffix.lower() != ".json":
        raise OutputError(f"Cannot write {args.output}: the curves are JSON. Give a name that ends in .json.")

    from ..audio.fit import fit_duration
    from ..audio.loading import load_audio
    from ..media.pending_file import write_complete

    audio = load_audio(args.audio, trim_silence=args.trim_silence)
    for line in (*describe_audio(audio), *(f"Note:    {note}" for note in settings.notes)):
        console.say(line)
    audio = fit_duration(audio, settings.duration, settings.length_policy)
    engine = load_engine(telling().name, **options_of(args, telling()))
    curves = engine.motion_curves(audio, settings, console)
    frames = audio.frame_count(engine.fps)
    path = write_complete(args.output, _as_json(curves), args.overwrite)
    console.say(f"Done:    {path}  ({frames} frames at {engine.fps:g} fps, {len(curves)} entries)")
    return {"output": str(path), "frames": frames, "fps": engine.fps, "curves": sorted(curves)}


def _as_json(curves: Mapping[str, Any]) -> Iterator[bytes]:
    """An object, a curve at a time: as Python numbers all curves of ten hours would take a gigabyte."""
    begin = "{"
    for name, curve in curves.items():
        value = curve.tolist() if hasattr(curve, "tolist") else curve
        yield f"{begin}{json.dumps(name)}: {json.dumps(value)}".encode()
        begin = ", "
    yield b"}"
