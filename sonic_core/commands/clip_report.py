"""`--report`: the quality of the finished clip, as JSON or as a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AudioError, OutputError

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
    """OutputError for a report that is neither of the two kinds: before the work, not after it."""
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"Cannot write the report {path}: give a name that ends in {' or '.join(SUFFIXES)}.")


def write_report(video: Path, report: Path, overwrite: bool, console: Console) -> dict[str, Any]:
    """Measure `video` as it is in its file and write `report`; returns the figures."""
    from ..audio.loading import load_audio
    from ..media.pending_file import write_complete
    from ..media.reader import read_frames
    from ..post.quality_report import measure_quality
    from ..post.report_page import as_dict, report_bytes

    try:
        audio = load_audio(video)
    except AudioError:
        audio = None
    quality = measure_quality(read_frames(video), audio, console)
    path = write_complete(report, report_bytes(quality, report.suffix.lower(), video.name), overwrite)
    console.say(f"Report:  {path}")
    return as_dict(quality)
