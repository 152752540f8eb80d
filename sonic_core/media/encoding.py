"""Encoding: how frames and sound become an mp4."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
EVEN_POLICIES = ("crop", "pad")


@dataclass(frozen=True)
class Encoding:
    """Choices of the mp4 writer; checked on construction (`SettingsError`).

    crf: x264's constant rate factor, 0 (lossless) to 51; 18 looks like the original.  preset: x264's speed against file size.
    audio_bitrate: bits per second of the AAC track (speech at low rates gets what AAC allows there).
    even: H.264 with 4:2:0 colour needs even sides; an odd row or column is cut off ("crop") or repeated ("pad").
    """

    crf: int = 18
    preset: str = "veryfast"
    audio_bitrate: int = 192_000
    even: str = "crop"

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise SettingsError(f"crf is {self.crf}; expected 0 (lossless) to 51 (worst), 18 is visually lossless.")
        if self.preset not in PRESETS:
            raise SettingsError(f"preset is {self.preset!r}; expected one of {', '.join(PRESETS)}.")
        if not 16_000 <= self.audio_bitrate <= 512_000:
            raise SettingsError(f"audio_bitrate is {self.audio_bitrate}; expected 16000 to 512000 bits per second.")
        if self.even not in EVEN_POLICIES:
            raise SettingsError(f"even is {self.even!r}; expected one of {', '.join(EVEN_POLICIES)}.")
