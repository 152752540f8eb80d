"""Command-line options made from the settings' own table, so that names, ranges and help are written once."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from ..media.encoding import PRESETS, Encoding
from ..media.provenance import PRODUCER
from ..post.visible_label import CORNERS, SPANS, TEXTS, VisibleLabel
from ..settings import Settings

if TYPE_CHECKING:
    from ..pipeline import Labels


def add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for every field of `Settings`."""
    group = parser.add_argument_group("settings")
    for item in fields(Settings):
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=type(item.default),
            default=item.default,
            choices=item.metadata["choices"] or None,
            metavar=None if item.metadata["choices"] else "N",
            help=_help(item),
        )


def settings_from(args: argparse.Namespace) -> Settings:
    """Raises SettingsError when a value lies outside its range."""
    return Settings(**{item.name: getattr(args, item.name) for item in fields(Settings)})


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Options of the mp4."""
    group = parser.add_argument_group("video file")
    group.add_argument(
        "--crf",
        type=int,
        default=Encoding.crf,
        metavar="N",
        help=f"Quality of the video: 0 = lossless, 51 = worst. Default {Encoding.crf}.",
    )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default=Encoding.preset,
        help=f"Slower presets make smaller files. Default {Encoding.preset}.",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="Replace the output file; without it a new name is found: name_1.mp4."
    )


def encoding_from(args: argparse.Namespace) -> Encoding:
    """Raises SettingsError when a value lies outside its range."""
    return Encoding(crf=args.crf, preset=args.preset)


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Options of how the video is marked as synthetic; what it says about its making is always written."""
    group = parser.add_argument_group("labels")
    group.add_argument(
        "--producer",
        default=PRODUCER,
        metavar="NAME",
        help=f"Who provides the video, for the AIGC record. Default {PRODUCER}.",
    )
    group.add_argument(
        "--visible-label",
        choices=("off", *SPANS),
        default="off",
        help="Words in the picture: start = the first 2 seconds, always = the whole video. Default off.",
    )
    group.add_argument(
        "--label-language",
        choices=tuple(TEXTS),
        default="en",
        help=f"Its language: {', '.join(f'{name} = {text}' for name, text in TEXTS.items())}. Default en.",
    )
    group.add_argument(
        "--label-corner", choices=CORNERS, default="bottom_right", help="Where it stands. Default bottom_right."
    )
    group.add_argument("--label-text", default="", metavar="TEXT", help="Other words than the language's usual ones.")


def labels_from(args: argparse.Namespace) -> Labels:
    """Raises SettingsError when a value cannot be used."""
    from ..pipeline import Labels

    visible = None
    if args.visible_label != "off":
        visible = VisibleLabel(args.visible_label, args.label_language, args.label_corner, args.label_text)
    return Labels(args.producer, visible)


def _help(item: Field[Any]) -> str:
    low, high = item.metadata["low"], item.metadata["high"]
    # argparse formats help texts with %.
    text = item.metadata["help"].replace("%", "%%")
    limits = "" if low is None else f", {low:g} to {'2^64 - 1' if high == 2**64 - 1 else f'{high:g}'}"
    return f"{text} Default {item.default}{limits}."
