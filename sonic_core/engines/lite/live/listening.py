"""Hearing while the sound arrives: the lip reader's outputs for a step more of sound at a time, the last of them provisional."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....hearing.encoders import HOP, SpeechEncoder, levelled
from ....hearing.lip_reader import OUTPUTS, LipReader

PAST = 60
"""States that are heard again with every step."""
SILENT = 8.0  # logit


def silence(states: int) -> Tensor:
    """What a lip reader puts out for silence, `[states, OUTPUTS]`."""
    outputs = torch.full((states, OUTPUTS), -SILENT)
    outputs[:, :2] = 0
    outputs[:, 4] = SILENT
    return outputs


class Listening:
    """What is heard of sound that comes step by step.  encoder, reader: as in offline hearing."""

    def __init__(self, encoder: SpeechEncoder, reader: LipReader) -> None:
        self._encoder, self._reader = encoder, reader
        self._sound = np.zeros(0, np.float32)

    @torch.no_grad()
    def hear(self, sound: NDArray[np.float32], again: int) -> Tensor:
        """sound: `[samples]`, whole states.  Returns outputs `[again + new states, OUTPUTS]`.

        again: states before the new ones whose outputs are better now than they were.
        """
        count = again + len(sound) // HOP
        self._sound = np.concatenate([self._sound, sound])[-(PAST + count) * HOP :]
        outputs = self._reader(self._encoder.states(levelled(torch.from_numpy(self._sound)))[None])[0]
        return torch.cat([silence(max(0, count - len(outputs))), outputs[-count:]])

    def forget(self) -> None:
        """The sound breaks off; what follows is heard for itself."""
        self._sound = np.zeros(0, np.float32)
