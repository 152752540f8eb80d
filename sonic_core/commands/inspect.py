"""`inspect`: what a video file holds."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..media.probe import Probe
    from .console import Console

HELP = "show streams, lengths, colour tags and metadata of a video"
CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.mp4", help="The video to look at.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..media.probe import probe

    video = probe(args.file)
    for line in describe(video):
        console.say(line)
    return {"file": str(args.file), **asdict(video)}


def describe(video: Probe) -> list[str]:
    """The measurements, a line per subject."""
    lines = []
    if video.video_codec:
        lines += [
            f"Picture: {video.video_codec} {video.pixel_format}, {video.width}x{video.height}, {video.frames} frames at "
            f"{video.fps:g} fps, {video.duration:.3f} s",
            f"Colour:  matrix {video.colour_space or 'untagged'}, primaries {video.colour_primaries or 'untagged'}, "
            f"transfer {video.colour_transfer or 'untagged'}, {video.colour_range or 'untagged'} range",
        ]
    if video.audio_codec:
        lines.append(
            f"Sound:   {video.audio_codec}, {video.sample_rate} Hz, {video.channels} channels, "
            f"{video.audio_start:.3f} to {video.audio_duration:.3f} s"
        )
    if video.video_codec and video.audio_codec:
        apart = video.audio_duration - video.duration
        lines.append(f"Ends:    sound {abs(apart) * 1000:.0f} ms {'after' if apart >= 0 else 'before'} the picture")
    lines.append(
        f"File:    {video.size_bytes / 1e6:.2f} MB, {'plays while loading' if video.fast_start else 'index at the end'}"
    )
    lines += [f"{key}: {value}" for key, value in video.metadata.items() if key not in CONTAINER_TAGS]
    return lines
