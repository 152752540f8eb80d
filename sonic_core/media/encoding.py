"""Encoding: how frames and sound become a file."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError
from ..settings import LENGTH_POLICIES

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
EVEN_POLICIES = ("crop", "pad")
CODECS = ("auto", "h264", "hevc", "av1", "vp9", "prores")
AUDIO_CODECS = ("auto", "aac", "mp3", "opus")


@dataclass(frozen=True)
class Encoding:
    """Choices of the writer; checked on construction (`SettingsError`).  The container follows from the file's suffix.

    crf: quality on x264's scale, 0 (lossless) to 51; 18 looks like the original; other codecs get their own number of about that look.
    preset: speed against file size, in x264's words.  audio_bitrate: bits per second, or what the codec allows.
    even: 4:2:0 colour needs even sides; an odd row or column is cut off ("crop") or repeated ("pad").
    codec: "auto" = H.264 in an mp4, VP9 in a WebM, ProRes 4444 in a mov (which has no crf).  hardware: encode on an NVIDIA GPU where
    PyAV's build and the machine can, else on the CPU with a warning.  audio_codec: "auto" = AAC in an mp4 or mov, Opus in a WebM.
    length: sound and picture that differ by more than half a frame are an error ("strict"), the longer is cut ("trim"), or the last
    frame is held or silence added ("pad").
    """

    crf: int = 18
    preset: str = "veryfast"
    audio_bitrate: int = 192_000
    even: str = "crop"
    codec: str = "auto"
    hardware: bool = False
    audio_codec: str = "auto"
    length: str = "strict"

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise SettingsError(f"crf is {self.crf}; expected 0 (lossless) to 51 (worst), 18 is visually lossless.")
        if not 16_000 <= self.audio_bitrate <= 512_000:
            raise SettingsError(f"audio_bitrate is {self.audio_bitrate}; expected 16000 to 512000 bits per second.")
        for name, choices in (
            ("preset", PRESETS),
            ("even", EVEN_POLICIES),
            ("codec", CODECS),
            ("audio_codec", AUDIO_CODECS),
            ("length", LENGTH_POLICIES),
        ):
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(choices)}.")
