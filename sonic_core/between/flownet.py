"""RIFE's weights: recognised, read, and made into the network."""

from __future__ import annotations

from pathlib import Path

import torch

from ..errors import ModelMissingError
from ..models.filling import Weights, filled
from ..models.weights import read_shapes, read_weights
from .rife import IFNet


def build_ifnet(weights: Weights, dtype: torch.dtype = torch.float32) -> IFNet:
    """RIFE's network from `flownet.pkl`, with or without the `module.` prefix; the unused teacher block is left out."""
    own = {key.removeprefix("module."): value for key, value in weights.items() if "block_tea" not in key}
    width = own["block0.conv0.1.0.weight"].shape[0] if "block0.conv0.1.0.weight" in own else 0
    return filled(lambda: IFNet(width), own, dtype)


def is_flownet(path: Path) -> bool:
    """Whether names and shapes in a file of weights are those of this network; headers are read and no numbers."""
    try:
        with torch.device("meta"):
            build_ifnet({key: torch.empty(tensor.shape) for key, tensor in read_shapes(path).items()})
    except ModelMissingError:
        return False
    return True


def load_flownet(path: Path) -> IFNet:
    """The network of a weights file, on the CPU.  Raises ModelMissingError for a file that is no such network's."""
    return build_ifnet(read_weights(path))
