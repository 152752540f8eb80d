"""RIFE's weights: found, read, and made into the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import ModelMissingError
from ..models.filling import Weights, filled
from ..models.fingerprint import WEIGHTS
from ..models.locate import locate, models_folders
from ..models.weights import read_shapes, read_weights
from .flownet_file import FLOWNET
from .rife import IFNet

SHARED = "frame_interpolation"
"""Where newer ComfyUIs keep RIFE 4 and FILM, which are other networks."""


def build_ifnet(weights: Weights, dtype: torch.dtype = torch.float32) -> IFNet:
    """RIFE's network from `flownet.pkl`, with or without the `module.` prefix; the unused teacher block is left out."""
    own = {key.removeprefix("module."): value for key, value in weights.items() if "block_tea" not in key}
    width = own["block0.conv0.1.0.weight"].shape[0] if "block0.conv0.1.0.weight" in own else 0
    return filled(lambda: IFNet(width), own, dtype)


def find_flownet(folders: Sequence[Path] | None = None, shared: Sequence[Path] = ()) -> Path | None:
    """Where `flownet.pkl` or `flownet.safetensors` lies in the models folders; None when it is not there.

    shared: folders like ComfyUI's `frame_interpolation`, beside those of the models folders: there the network counts, not the name.
    """
    folders = tuple(folders or models_folders())
    found, _ = locate([FLOWNET], folders)
    if FLOWNET.key in found:
        return found[FLOWNET.key]
    return next(filter(is_flownet, shared_files(folders, shared)), None)


def shared_files(folders: Sequence[Path], shared: Sequence[Path] = ()) -> list[Path]:
    """Weights in the folders that networks for frames between frames share, by name."""
    places = dict.fromkeys((*(folder / SHARED for folder in folders), *shared))
    return [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if path.suffix in WEIGHTS]


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
