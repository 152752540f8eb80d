"""Inputs of the nodes that write a video."""

from __future__ import annotations

from ..sonic_core.media.encoding import AUDIO_CODECS, CODECS, EVEN_POLICIES, PRESETS, Encoding
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


FORMATS = ("mp4", "webm", "gif", "png", "mov")


def file_inputs() -> list[io.Input]:
    """Kind of file and codecs: the last inputs of a node and optional, so that graphs saved before they existed still run."""
    return [
        advanced(
            io.Combo.Input(
                "file_format",
                options=list(FORMATS),
                default=FORMATS[0],
                optional=True,
                tooltip="mp4 plays everywhere; webm; gif has no sound; png = a folder with a picture per frame and the sound as wav; "
                "mov = ProRes 4444 for video editors. webm, mov and png keep transparency.",
            )
        ),
        advanced(
            io.Combo.Input(
                "codec",
                options=list(CODECS),
                default=Encoding.codec,
                optional=True,
                tooltip="Of the picture: h264, hevc or av1 in an mp4, vp9 or av1 in a webm, prores, h264 or hevc in a mov; "
                "auto = h264, vp9, prores.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "hardware",
                default=Encoding.hardware,
                optional=True,
                tooltip="Encode on an NVIDIA GPU (NVENC); without one it is done on the CPU and the log says so.",
            )
        ),
        advanced(
            io.Combo.Input(
                "audio_codec",
                options=list(AUDIO_CODECS),
                default=Encoding.audio_codec,
                optional=True,
                tooltip="aac or mp3 in an mp4 or mov, opus in a webm; auto = aac, opus.",
            )
        ),
        advanced(
            io.Combo.Input(
                "even_sides",
                options=list(EVEN_POLICIES),
                default=Encoding.even,
                optional=True,
                tooltip="Videos need even sides: crop = cut an odd last row or column off, pad = repeat it.",
            )
        ),
    ]
