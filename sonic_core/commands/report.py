"""`report`: the quality of any video of a speaking face, in figures and plots.

Exit code 0 whatever the figures are; 1 when the file cannot be read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clip_report import check_report, write_report

if TYPE_CHECKING:
    from .console import Console

HELP = "measure the quality of a video: sync, closures, flicker, sharpness, identity, blinks, head motion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="CLIP.mp4", help="Any video with one visible face, or a folder of pictures."
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="The report to write: .html for people, .json for programs. Default: CLIP_report.html beside the clip.",
    )
    parser.add_argument("--overwrite", action="store_true", help="Replace the report if it exists.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..media.pending_file import beside

    output = args.output or beside(args.file, "report.html")
    check_report(output)
    return {"file": str(args.file), **write_report(args.file, output, args.overwrite, console)}
