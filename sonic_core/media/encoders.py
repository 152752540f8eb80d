"""The video encoders of FFmpeg, and which of them a build of PyAV and a machine really have."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from ..errors import OutputError
from .encoding import PRESETS, Encoding

logger = logging.getLogger(__name__)

Options = dict[str, str]


@dataclass(frozen=True)
class Encoder:
    """One of FFmpeg's encoders: its name, its options for an `Encoding`, and the tag players want in an mp4.

    pixels: the form of its picture, with_alpha: the same beside opacity, "" = it has none.
    """

    name: str
    options: Callable[[Encoding], Options]
    tag: str = ""
    hardware: bool = False
    pixels: str = "yuv420p"
    with_alpha: str = ""

    def form(self, alpha: bool) -> str:
        """The form of the picture that it is given."""
        return self.with_alpha if alpha else self.pixels


def _on_scale(crf: int, slope: float) -> int:
    """x264's 0-51 on the 0-63 of AV1 and VP9, equal at 0; with 1.3 a portrait at 18 comes out about 1 dB above x264's."""
    return min(63, round(slope * crf))


def _x264(encoding: Encoding) -> Options:
    return {"crf": str(encoding.crf), "preset": encoding.preset}


def _x265(encoding: Encoding) -> Options:
    lossless = ":lossless=1" if encoding.crf == 0 else ""
    return {"crf": str(encoding.crf), "preset": encoding.preset, "x265-params": f"log-level=error{lossless}"}


def _svt_av1(encoding: Encoding) -> Options:
    # Its presets run from 13 (fast) down to 0; below 4 a minute takes hours.
    return {"crf": str(_on_scale(encoding.crf, 1.3)), "preset": str(12 - PRESETS.index(encoding.preset))}


def _aom_av1(encoding: Encoding) -> Options:
    speed = max(0, 8 - PRESETS.index(encoding.preset))
    return {"crf": str(_on_scale(encoding.crf, 1.3)), "b": "0", "cpu-used": str(speed), "row-mt": "1"}


def _vp9(encoding: Encoding) -> Options:
    speed = max(0, 8 - PRESETS.index(encoding.preset))
    options = {"crf": str(_on_scale(encoding.crf, 1.3)), "b": "0", "deadline": "good", "row-mt": "1"}
    return {**options, "cpu-used": str(min(5, speed))}


def _nvenc(encoding: Encoding) -> Options:
    level = 1 + round(PRESETS.index(encoding.preset) * 6 / (len(PRESETS) - 1))
    return {"rc": "vbr", "cq": str(max(1, encoding.crf)), "b": "0", "preset": f"p{level}"}


def _prores(encoding: Encoding) -> Options:
    # 4444 has opacity (16 bits of it) and every colour sample; its bit rate follows from the size of the picture.
    return {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}


ENCODERS = {
    "h264": (Encoder("h264_nvenc", _nvenc, hardware=True), Encoder("libx264", _x264)),
    "hevc": (Encoder("hevc_nvenc", _nvenc, "hvc1", hardware=True), Encoder("libx265", _x265, "hvc1")),
    "av1": (
        Encoder("av1_nvenc", _nvenc, hardware=True),
        Encoder("libsvtav1", _svt_av1),
        Encoder("libaom-av1", _aom_av1),
    ),
    "vp9": (Encoder("libvpx-vp9", _vp9, with_alpha="yuva420p"),),
    "prores": (Encoder("prores_ks", _prores, pixels="yuv444p10le", with_alpha="yuva444p10le"),),
}
"""By codec, the wanted one first; hvc1 is what Apple's players ask for."""


def has_alpha(codec: str) -> bool:
    """Whether a codec (a key of ENCODERS) keeps transparency."""
    return any(encoder.with_alpha for encoder in ENCODERS[codec])


def choose_encoder(codec: str, encoding: Encoding, width: int, height: int, rate: Fraction) -> Encoder:
    """The first encoder for `codec` that this build has and that opens for such a picture.

    Without `encoding.hardware` only those on the CPU are tried.  OutputError when there is none.
    """
    # SVT-AV1 talks on stderr whatever FFmpeg's log level is; 1 leaves its errors.
    os.environ.setdefault("SVT_LOG", "1")
    for encoder in ENCODERS[codec]:
        if encoder.hardware and not encoding.hardware:
            continue
        reason = _obstacle(encoder, encoding, width, height, rate)
        if reason is None:
            return encoder
        if encoder.hardware:
            logger.warning("%s cannot be used (%s); the video is encoded on the CPU.", encoder.name, reason)
    raise OutputError(
        f"This build of PyAV has no encoder for {codec} that takes a picture of {width}x{height}. "
        "Install PyAV from PyPI (pip install -U av) or choose another codec."
    )


def _obstacle(encoder: Encoder, encoding: Encoding, width: int, height: int, rate: Fraction) -> str | None:
    """Why `encoder` cannot be used, None when it can.  Encoders on the CPU are only looked up; a GPU has to answer."""
    try:
        context = av.CodecContext.create(encoder.name, "w")
        if encoder.hardware and isinstance(context, VideoCodecContext):
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.options = 1 / rate, encoder.options(encoding)
            context.open()
    except (ValueError, OSError, av.FFmpegError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None
