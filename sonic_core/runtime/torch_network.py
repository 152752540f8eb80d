"""A PyTorch module as a `Network`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@dataclass(frozen=True)
class TorchNetwork:
    """module: takes and returns float32 tensors on the CPU."""

    module: nn.Module

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode():
            outputs = self.module(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in inputs))
        return tuple(tensor.numpy() for tensor in (outputs if isinstance(outputs, tuple) else (outputs,)))
