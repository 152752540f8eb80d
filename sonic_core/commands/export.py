"""`export`: write an engine's networks as .onnx files, each compared with PyTorch before it is kept."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import DEFAULT_ENGINE, declaration, declarations, exporter
from ..runtime.network import ONNX

if TYPE_CHECKING:
    from .console import Console

HELP = "write an engine's networks as .onnx files, which start sooner (--runtime onnx)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=(ONNX,), help="Of the files.")
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="Where the files go. Default: the folder in which --runtime onnx finds them by itself.",
    )
    parser.add_argument(
        "--engine",
        default=DEFAULT_ENGINE,
        choices=[engine.name for engine in declarations() if engine.exporter],
        help=f"Whose networks. Default {DEFAULT_ENGINE}.",
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..runtime.onnx_export import OPSET, check_can_export
    from ..runtime.onnx_network import default_folder

    check_can_export()
    engine, folder = declaration(args.engine), args.folder or default_folder()
    exported = exporter(engine.name)(folder, {}, console)
    for item in exported:
        console.say(f"{item.path.name:45} {item.bytes / 1e6:6.1f} MB, within {item.difference:.0e} of PyTorch")
    console.say(f"Done:    {len(exported)} networks of the {engine.name} engine in {folder}, opset {OPSET}")
    if engine.option("runtime"):
        found = "" if args.folder is None else f" --models-folder {folder}"
        console.say(f"Use:     python -m sonic_core generate --runtime {args.format}{found} ...")
    return {
        "engine": engine.name,
        "folder": str(folder),
        "opset": OPSET,
        "files": {item.path.name: {"difference": item.difference, "bytes": item.bytes} for item in exported},
    }
