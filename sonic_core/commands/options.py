"""Command-line options made from the settings' own table, so that names, ranges and help are written once."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..background import HELP
from ..errors import SettingsError
from ..media.encoding import AUDIO_CODECS, CODECS, EVEN_POLICIES, PRESETS, Encoding
from ..media.provenance import PRODUCER
from ..media.visible_label import CORNERS, SPANS, TEXTS, VisibleLabel
from ..settings import Settings
from ..smoothing.choice import METHOD_NAMES, Smoothing

if TYPE_CHECKING:
    from ..media.c2pa_signing import Signing
    from ..media.labels import Labels


def add_recording(parser: argparse.ArgumentParser) -> None:
    """The sound that is spoken, and how much of it."""
    parser.add_argument(
        "--audio", required=True, type=Path, metavar="FILE", help="The recording, or a video with sound."
    )
    parser.add_argument(
        "--trim-silence", action="store_true", help="Cut silence off both ends of the recording. Default: keep it all."
    )


def add_settings(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """An option for every field of `Settings` but those named in `without`."""
    group = parser.add_argument_group("settings")
    for item in fields(Settings):
        if item.name in without:
            continue
        if isinstance(item.default, bool):
            group.add_argument(
                f"--{item.name.replace('_', '-')}",
                action="store_true",
                default=argparse.SUPPRESS,
                help=f"{item.metadata['help']} Default off.",
            )
            continue
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=type(item.default),
            default=argparse.SUPPRESS,  # so that it is known what was given
            choices=item.metadata["choices"] or None,
            metavar=None if item.metadata["choices"] else "N",
            help=_help(item),
        )


def settings_from(args: argparse.Namespace) -> Settings:
    """Settings that are not given keep their defaults.  Raises SettingsError when a value lies outside its range."""
    return Settings(**{item.name: getattr(args, item.name) for item in fields(Settings) if item.name in args})


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Options of the file; its suffix says which kind it is."""
    group = parser.add_argument_group("video file")
    group.add_argument(
        "--crf",
        type=int,
        default=Encoding.crf,
        metavar="N",
        help=f"Quality of the video: 0 = lossless, 51 = worst. Default {Encoding.crf}.",
    )
    group.add_argument(
        "--codec-preset",
        choices=PRESETS,
        default=Encoding.preset,
        help=f"Slower presets make smaller files. Default {Encoding.preset}.",
    )
    group.add_argument(
        "--codec",
        choices=CODECS,
        default=Encoding.codec,
        help="Picture: h264, hevc or av1 in an mp4, vp9 or av1 in a webm, prores, h264 or hevc in a mov. Default auto: h264, vp9, prores.",
    )
    group.add_argument(
        "--hardware", action="store_true", help="Encode on an NVIDIA GPU if there is one; otherwise on the CPU."
    )
    group.add_argument(
        "--audio-codec",
        choices=AUDIO_CODECS,
        default=Encoding.audio_codec,
        help="Sound: aac or mp3 in an mp4 or mov, opus in a webm. Default auto: aac, opus.",
    )
    group.add_argument(
        "--audio-kbps",
        type=int,
        default=Encoding.audio_bitrate // 1000,
        metavar="N",
        help=f"Bit rate of the sound, 16 to 512. Default {Encoding.audio_bitrate // 1000}.",
    )
    group.add_argument(
        "--even-sides",
        choices=EVEN_POLICIES,
        default=Encoding.even,
        help="Videos need even sides: crop = cut an odd last row or column off, pad = repeat it. Default crop.",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="Replace the output file; without it a new name is found: name_1.mp4."
    )


def encoding_from(args: argparse.Namespace) -> Encoding:
    """Raises SettingsError when a value lies outside its range."""
    return Encoding(
        crf=args.crf,
        preset=args.codec_preset,
        audio_bitrate=args.audio_kbps * 1000,
        codec=args.codec,
        hardware=args.hardware,
        audio_codec=args.audio_codec,
        even=args.even_sides,
    )


def add_background(parser: argparse.ArgumentParser) -> None:
    """What stands behind a picture with transparent parts."""
    parser.add_argument("--background", default="", metavar="transparent|#RRGGBB|FILE", help=HELP)


def add_smoothing(parser: argparse.ArgumentParser) -> None:
    """Less flicker; off unless asked for: what an engine draws is shown as it is."""
    group = parser.add_argument_group("smoothing")
    group.add_argument(
        "--smooth",
        choices=METHOD_NAMES,
        default=Smoothing.method,
        help="Take flicker, grain and steps between decoded chunks out of the frames; lips and lids stay sharp: flow_ema = along the "
        "motion (best), ema = in place (faster), median3 = single flashes only. Default none.",
    )
    group.add_argument(
        "--smooth-strength",
        type=float,
        metavar="N",
        help=f"0 = off, 1 = as calm as possible. Default {Smoothing.strength}.",
    )


def smoothing_from(args: argparse.Namespace) -> Smoothing:
    """Raises SettingsError when the strength lies outside its range, or is given without a method."""
    if args.smooth_strength is None:
        return Smoothing(args.smooth)
    if args.smooth == "none":
        raise SettingsError(
            "--smooth-strength is given, but nothing is smoothed. Add --smooth flow_ema, or leave it out."
        )
    return Smoothing(args.smooth, args.smooth_strength)


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
        help=f"Its language: {', '.join(f'{name} = {text}' for name, text in TEXTS.items())}. Default en.",
    )
    group.add_argument("--label-corner", choices=CORNERS, help="Where it stands. Default bottom_right.")
    group.add_argument(
        "--label-text",
        metavar="TEXT",
        help="Other words than the language's usual ones: Latin letters, and the Chinese characters of usual labels.",
    )
    group.add_argument(
        "--c2pa-cert", type=Path, metavar="FILE.pem", help="Sign the finished video (C2PA): your certificate chain."
    )
    group.add_argument("--c2pa-key", type=Path, metavar="FILE.pem", help="The private key of that certificate.")
    group.add_argument("--c2pa-alg", metavar="NAME", help="The key's algorithm. Default es256.")


def labels_from(args: argparse.Namespace) -> Labels:
    """Raises SettingsError when a value cannot be used."""
    from ..media.labels import Labels

    look = {"language": args.label_language, "corner": args.label_corner, "text": args.label_text}
    look = {name: value for name, value in look.items() if value is not None}
    if args.visible_label != "off":
        return Labels(args.producer, VisibleLabel(args.visible_label, **look), _signing_from(args))
    if look:
        options = ", ".join(f"--label-{name}" for name in look)
        raise SettingsError(f"{options}: there is no label to write. Add --visible-label start or always.")
    return Labels(args.producer, None, _signing_from(args))


def _signing_from(args: argparse.Namespace) -> Signing | None:
    from ..media.c2pa_signing import Signing

    if bool(args.c2pa_cert) != bool(args.c2pa_key):
        raise SettingsError("Signing needs both --c2pa-cert and --c2pa-key; one of them is missing.")
    if args.c2pa_cert:
        return Signing(args.c2pa_cert, args.c2pa_key, args.c2pa_alg or Signing.algorithm)
    if args.c2pa_alg is not None:
        raise SettingsError(
            "--c2pa-alg is given, but nothing is signed. Add --c2pa-cert and --c2pa-key, or leave it out."
        )
    return None


def _help(item: Field[Any]) -> str:
    low, high = item.metadata["low"], item.metadata["high"]
    # argparse formats help texts with %.
    text = item.metadata["help"].replace("%", "%%")
    limits = "" if low is None else f", {low:g} to {'2^64 - 1' if high == 2**64 - 1 else f'{high:g}'}"
    return f"{text} Default {item.default}{limits}."
