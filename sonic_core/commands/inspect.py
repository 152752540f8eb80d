"""`inspect`: what a video file holds and what it says about its making, checked.

Exit code 0: the file was read and nothing contradicts what it says; 1: a check failed, or the file cannot be read.
A file that says nothing about its making is no failure: it is told so, with exit code 0.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AudioError
from .streams import harmless

if TYPE_CHECKING:
    from ..media.probe import Probe
    from ..media.provenance_check import Check
    from .console import Console

HELP = "show streams, lengths, colour tags and metadata of a video; verify how it was made"
CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")
COLUMNS, INDENT = 110, " " * 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.mp4", help="The video to look at.")
    parser.add_argument("--image", type=Path, metavar="FILE", help="Verify that the video was made from this picture.")
    parser.add_argument(
        "--audio", type=Path, metavar="FILE", help="Verify that the video was made from this recording."
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..media.c2pa_signing import check_signature
    from ..media.probe import MP4_FAMILY, probe
    from ..media.provenance_check import check_provenance, is_marked

    video = probe(args.file)
    marked = is_marked(video.metadata)
    checks: tuple[Check, ...] = ()
    if marked or args.image or args.audio:
        checks = check_provenance(
            video,
            picture_digests(args.image) if args.image else None,
            recording_digests(args.audio) if args.audio else None,
        )
    if signature := check_signature(args.file):
        checks = (*checks, signature)
    for line in (
        *describe(video, args.file.suffix.lower() in MP4_FAMILY),
        *describe_tags(video.metadata, {check.subject.split()[0] for check in checks}),
        *describe_checks(checks, marked),
    ):
        console.say(line)
    return {
        "file": str(args.file),
        **asdict(video),
        "marked_as_generated": marked,
        "checks": [asdict(check) for check in checks],
        "exit_code": int(any(not check.holds for check in checks)),
    }


def picture_digests(path: Path) -> tuple[str, ...]:
    """What `image_sha256` says about a video made from `path`."""
    from ..portrait.cache import content_digest
    from ..portrait.loading import load_picture

    picture = load_picture(path)
    return (content_digest(picture.image, picture.alpha),)


def recording_digests(path: Path) -> tuple[str, ...]:
    """What `audio_sha256` may say about a video made from `path`: with and without `--trim-silence`."""
    from ..audio.loading import load_audio
    from ..audio.silence import trim_silent_ends
    from ..media.provenance import audio_digest

    clip = load_audio(path)
    digests = [audio_digest(clip)]
    with suppress(AudioError):  # what cannot be trimmed was not: all of it is silence, or pydub is missing
        digests.append(audio_digest(trim_silent_ends(clip)))
    return tuple(dict.fromkeys(digests))


def describe_checks(checks: tuple[Check, ...], marked: bool) -> list[str]:
    """A line per check, then the verdict."""
    lines = []
    for check in checks:
        lines += _wrapped(
            f"{'ok   ' if check.holds else 'WRONG'}    {check.subject}: {harmless(readable(check.found))}"
        )
    failed = sum(not check.holds for check in checks)
    if not marked:
        return [*lines, "Made:    nothing in this file says that it is synthetic."]
    if failed:
        return [*lines, f"Made:    marked as AI-generated, but {failed} of {len(checks)} checks failed."]
    return [*lines, f"Made:    marked as AI-generated; all {len(checks)} checks hold."]


def describe_tags(metadata: Mapping[str, str], checked: Collection[str]) -> list[str]:
    """The file's tags, without the container's own and without those that a check shows."""
    shown = {name.lower() for name in checked}
    lines = []
    for key, value in metadata.items():
        if key.lower() not in shown and key.lower() not in CONTAINER_TAGS:
            lines += _wrapped(f"{'Tag:':8} {harmless(key)}: {harmless(readable(value))}")
    return lines


def readable(value: str) -> str:
    """JSON as words: `name (licence), ...` for models, `key value, ...` for other objects; anything else as it is."""
    try:
        content = json.loads(value) if value[:1] in ("{", "[") else value
    except (ValueError, RecursionError):
        return value
    if isinstance(content, dict):
        return ", ".join(f"{key} {_word(item)}" for key, item in content.items())
    if isinstance(content, list):
        return ", ".join(_model(item) for item in content)
    return value


def _model(item: object) -> str:
    if isinstance(item, dict) and set(item) == {"name", "licence"}:
        return f"{item['name']} ({item['licence']})"
    return _word(item)


def _word(item: object) -> str:
    return item if isinstance(item, str) and item else json.dumps(item, ensure_ascii=False)


def _wrapped(line: str) -> list[str]:
    """Long lines broken between words; a single long word (a hash, an address) stays whole, so that it can be copied."""
    return textwrap.wrap(line, COLUMNS, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)


def describe(video: Probe, indexed: bool = True) -> list[str]:
    """The measurements, a line per subject.  indexed: the file is of the mp4 family, where the index's place matters."""
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
    index = "plays while loading" if video.fast_start else "index at the end"
    lines.append(f"File:    {video.size_bytes / 1e6:.2f} MB{f', {index}' if indexed else ''}")
    return lines
