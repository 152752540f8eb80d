"""`convert`: published pickles to safetensors, which load faster and can hold nothing but tensors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import declarations
from ..errors import ModelMissingError
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
        help=f"Weights. Default: those of the {_names()} engine that are found.",
    )
    add_models_folder(parser, f"Searched first for the weights of the {_names()} engine.")
    parser.add_argument("--half", action="store_true", help="Numbers in half precision: half the size.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..models.convert import convert_file, convert_found

    if args.files:
        if missing := [str(path) for path in args.files if not path.is_file()]:
            raise ModelMissingError(f"{', '.join(missing)}: no such file. Give weights as .pth, .pt, .pkl or .bin.")
        done = [(path, convert_file(path, path.with_suffix(".safetensors"), args.half)) for path in args.files]
    else:
        weights = [file for engine in declarations() for file in engine.weights]
        done = convert_found(weights, searched_folders(args.models_folder), args.half, console)
    for source, target in done:
        console.say(f"{source} -> {target}  ({target.stat().st_size / 1e6:.1f} MB)")
    if not done:
        console.say("Nothing to convert: no pickle without a safetensors file beside it was found.")
    return {"converted": [{"source": str(source), "target": str(target)} for source, target in done]}


def _names() -> str:
    """Of the engines whose weights are not in the package."""
    return " or ".join(engine.name for engine in declarations() if engine.weights)
