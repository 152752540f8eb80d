"""The networks of live motion, loaded once per engine and shared by all of its performances."""

from __future__ import annotations

from dataclasses import dataclass

from ....hearing.lip_reader_module import LipReader
from ....hearing.whisper import WhisperEncoder
from ..denoiser import MotionDenoiser
from ..motion import DENOISER_WEIGHTS
from ..motion_space import MotionSpace


@dataclass(frozen=True)
class LiveNetworks:
    """The package's own weights, run by PyTorch.  encoder: Whisper's, whose states can be had a few at a time (hearing/streaming.py)."""

    encoder: WhisperEncoder
    reader: LipReader
    denoiser: MotionDenoiser
    space: MotionSpace

    @classmethod
    def load(cls) -> LiveNetworks:
        """Raises ModelMissingError where the package lacks its weights."""
        return cls(WhisperEncoder.load(), LipReader.load(), MotionDenoiser.load(), MotionSpace.load(DENOISER_WEIGHTS))
