"""`--report`: the quality of the finished clip, as JSON or as a page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError

if TYPE_CHECKING:
    from .console import Console

SUFFIXES = (".json", ".html")


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="Measure the finished video (sync, closures, flicker, sharpness, drift, blinks): a .json or .html to write.",
    )


def check_report(path: Path | None) -> None:
    """OutputError for a report that is neither of the two kinds or cannot be written: before the work, not after it."""
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"Cannot write the report {path}: give a name that ends in {' or '.join(SUFFIXES)}.")
    from ..media.pending_file import check_writable

    check_writable(path)


def write_report(
    video: Path, report: Path, overwrite: bool, console: Console, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """Measure `video` as it is in its file, write `report` and tell the person in front; returns the figures.

    warnings: what was known before the clip was made; they stand in the report before what was measured.
    """
    from ..judging.clip_quality import measure_file
    from ..judging.report_figures import as_dict, lines
    from ..judging.report_page import report_bytes
    from ..media.pending_file import write_complete
    from ..threads import one_thread

    with one_thread():
        quality = measure_file(video, console)
    quality = replace(quality, notes=(*warnings, *quality.notes))
    path = write_complete(report, report_bytes(quality, report.suffix.lower(), video.name), overwrite)
    for line in (*lines(quality), f"Report:  {path}"):
        console.say(line)
    return {"report": str(path), **as_dict(quality)}
