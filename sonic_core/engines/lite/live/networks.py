"""The networks of live motion, loaded once per engine and shared by all of its performances."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ....diffusion.schedule import flow_sigmas
from ....hearing.few_states import FewStates
from ....hearing.lip_reader_module import LipReader
from ....hearing.whisper import WhisperEncoder
from ..denoiser import MotionDenoiser
from ..motion import DENOISER_WEIGHTS
from ..motion_space import MotionSpace
from .few_frames import FewFrames

STEPS = 2
"""Of the denoiser: known frames say so much that more steps change little."""
SIGMAS = flow_sigmas(STEPS)


@dataclass(frozen=True)
class LiveNetworks:
    """The package's own weights, run by PyTorch as it is cheapest for a step of sound."""

    few_states: FewStates
    few_frames: FewFrames
    space: MotionSpace

    @classmethod
    @torch.inference_mode()
    def load(cls) -> LiveNetworks:
        """Raises ModelMissingError where the package lacks its weights."""
        return cls(
            FewStates(WhisperEncoder.load(), LipReader.load()),
            FewFrames(MotionDenoiser.load(), SIGMAS.tolist()[:-1]),
            MotionSpace.load(DENOISER_WEIGHTS),
        )
