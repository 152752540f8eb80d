"""The networks of live motion, loaded once per engine and shared by all of its performances."""

from __future__ import annotations

from dataclasses import dataclass

from ....hearing.encoders import WhisperEncoder
from ....hearing.lip_reader import LipReader
from ..denoiser import MotionDenoiser


@dataclass(frozen=True)
class LiveNetworks:
    """The package's own weights.  encoder: Whisper's, whose states can be had a few at a time (hearing/streaming.py)."""

    encoder: WhisperEncoder
    reader: LipReader
    denoiser: MotionDenoiser

    @classmethod
    def load(cls) -> LiveNetworks:
        """Raises ModelMissingError where the package lacks its weights."""
        return cls(WhisperEncoder.load(), LipReader.load(), MotionDenoiser.load())
