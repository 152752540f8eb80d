"""RIFE's weights: found, read, and made into the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..models.filling import Weights, filled
from ..models.locate import locate, models_folders
from ..models.weights import read_weights
from .flownet_file import FLOWNET
from .rife import IFNet


def build_ifnet(weights: Weights, dtype: torch.dtype = torch.float32) -> IFNet:
    """RIFE's network from `flownet.pkl`, with or without the `module.` prefix; the unused teacher block is left out."""
    own = {key.removeprefix("module."): value for key, value in weights.items() if "block_tea" not in key}
    width = own["block0.conv0.1.0.weight"].shape[0] if "block0.conv0.1.0.weight" in own else 0
    return filled(lambda: IFNet(width), own, dtype)


def find_flownet(folders: Sequence[Path] | None = None) -> Path | None:
    """Where `flownet.pkl` or `flownet.safetensors` lies in the models folders; None when it is not there."""
    found, _ = locate([FLOWNET], tuple(folders or models_folders()))
    return found.get(FLOWNET.key)


def load_flownet(path: Path) -> IFNet:
    """The network of a weights file, on the CPU.  Raises ModelMissingError for a file that is no such network's."""
    return build_ifnet(read_weights(path))
