"""Inputs of the nodes that write an mp4."""

from __future__ import annotations

from ..sonic_core.media.encoding import PRESETS, Encoding
from .host import advanced, io


def filename_input() -> io.Input:
    return io.String.Input(
        "filename_prefix",
        default="sonic/talking",
        tooltip="Name in ComfyUI's output folder; a number is added. %year% %month% %day% %width% %height% are filled in.",
    )


def encoding_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "crf",
            default=Encoding.crf,
            min=0,
            max=51,
            step=1,
            tooltip="H.264 quality: 0 = lossless, 18 = looks like the original, 28 = small file.",
        ),
        advanced(
            io.Combo.Input(
                "preset",
                options=list(PRESETS),
                default=Encoding.preset,
                tooltip="Encoder speed: slower makes smaller files of the same quality.",
            )
        ),
        advanced(
            io.Int.Input(
                "audio_kbps",
                default=Encoding.audio_bitrate // 1000,
                min=16,
                max=512,
                step=16,
                tooltip="AAC bit rate; a recording that is AAC already is copied untouched.",
            )
        ),
    ]


def encoding(crf: int, preset: str, audio_kbps: int) -> Encoding:
    return Encoding(crf=crf, preset=preset, audio_bitrate=audio_kbps * 1000)
