"""`convert`: published pickles to safetensors, which load faster and can hold nothing but tensors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine_options import add_models_folder, searched_folders

if TYPE_CHECKING:
    from .console import Console

HELP = "write weights (.pth, .pkl) as safetensors beside them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="Weights. Default: those of the sonic engine that are found.",
    )
    add_models_folder(parser, "Searched first for the weights of the sonic engine.")
    parser.add_argument("--half", action="store_true", help="Numbers in half precision: half the size.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..models.convert import convert_file, convert_sonic

    if args.files:
        done = [(path, convert_file(path, path.with_suffix(".safetensors"), args.half)) for path in args.files]
    else:
        done = convert_sonic(searched_folders(args.models_folder), args.half, console)
    for source, target in done:
        console.say(f"{source} -> {target}  ({target.stat().st_size / 1e6:.1f} MB)")
    if not done:
        console.say("Nothing to convert: no pickle without a safetensors file beside it was found.")
    return {"converted": [{"source": str(source), "target": str(target)} for source, target in done]}
