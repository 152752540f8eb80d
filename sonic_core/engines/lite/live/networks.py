"""The networks of live motion, loaded once per engine and shared by all of its performances."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ....diffusion.schedule import flow_sigmas
from ....hearing.few_rows import MakeProduct, product_in_eight_bits
from ....hearing.few_states import FewStates
from ....hearing.lip_reader_module import LipReader
from ....hearing.whisper import WhisperEncoder
from ..denoiser import MotionDenoiser
from ..motion import DENOISER_WEIGHTS
from ..motion_space import MotionSpace
from .few_frames import FewFrames

STEPS = 2
"""Of the denoiser: known frames say so much that more steps change little."""


@dataclass(frozen=True)
class LiveNetworks:
    """The package's own weights, run by PyTorch as it is cheapest for a step of sound."""

    few_states: FewStates
    few_frames: FewFrames
    space: MotionSpace

    @classmethod
    @torch.inference_mode()
    def load(cls, make: MakeProduct = product_in_eight_bits) -> LiveNetworks:
        """make: how precisely and how quickly speech is heard.  Raises ModelMissingError where the package lacks its weights."""
        return cls(
            FewStates(WhisperEncoder.load(), LipReader.load(), make),
            FewFrames(MotionDenoiser.load(), flow_sigmas(STEPS).tolist()),
            MotionSpace.load(DENOISER_WEIGHTS),
        )
