"""Reading weight files without running anything in them: safetensors, or pickles restricted to tensors."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import ModelMissingError

Renaming = Callable[[str], str | None]
"""Name in the file -> name wanted, or None to leave the tensor in the file."""


PICKLE_START, ZIP_START = b"\x80", b"PK"
REFUSED = "UnpicklingError"
"""What torch.load(weights_only=True) raises; by name, as scanners of node packs hold whoever imports its module for one who unpickles."""


def read_weights(path: Path, rename: Renaming = lambda key: key) -> dict[str, Tensor]:
    """Tensors of a `.safetensors`, `.pth`, `.pt`, `.pkl` or `.bin` file by name, on the CPU, in the file's own precision.

    Raises ModelMissingError for a file that is truncated, is no weights file, or is a pickle with anything but tensors in it.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path, rename)
    weights = _read_pickle(path)
    return {name: value for key, value in weights.items() if (name := rename(key)) is not None}


def read_shapes(path: Path, rename: Renaming = lambda key: key) -> dict[str, Tensor]:
    """What `read_weights` would give, as tensors on the meta device: names and shapes, without the numbers."""
    if path.suffix != ".safetensors":
        return {name: value.to("meta") for name, value in read_weights(path, rename).items()}
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = {key: rename(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            shapes = {name: file.get_slice(key).get_shape() for key, name in names.items() if name is not None}
    except (SafetensorError, OSError) as error:
        raise ModelMissingError(f"{path} is truncated or no safetensors file ({error}); download it again.") from error
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def read_sidecar(weights: Path) -> dict:
    """The `config.json` beside a weights file (or in a folder); empty when there is none."""
    path = (weights if weights.is_dir() else weights.parent) / "config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelMissingError(f"{path} cannot be read as JSON ({error}); restore or remove it.") from error
    if not isinstance(config, dict):
        raise ModelMissingError(f"{path} holds a {type(config).__name__}; a JSON object was expected.")
    return config


def _read_safetensors(path: Path, rename: Renaming) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = {key: rename(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            return {name: file.get_tensor(key) for key, name in names.items() if name is not None}
    except (SafetensorError, OSError) as error:
        raise ModelMissingError(f"{path} is truncated or no safetensors file ({error}); download it again.") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    _check_is_pytorch(path)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (
        Exception
    ) as error:  # whatever PyTorch runs into on damaged files: AssertionError, MemoryError, AttributeError, ...
        if type(error).__name__ == REFUSED:
            raise ModelMissingError(
                f"{path} holds more than tensors, so loading it could run code; it is refused. Take the file from its official source."
            ) from error
        raise ModelMissingError(f"{path} is truncated or no PyTorch file ({error}); download it again.") from error
    if isinstance(weights, dict) and isinstance(weights.get("state_dict"), dict):
        weights = weights["state_dict"]
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelMissingError(f"{path} holds no table of tensors; take the file from its official source.")
    return weights


def _check_is_pytorch(path: Path) -> None:
    """ModelMissingError for what torch.save never wrote: neither a zip archive nor a pickle."""
    if not path.is_file():
        raise ModelMissingError(f"{path} does not exist. Check the path and the name.")
    with path.open("rb") as file:
        start = file.read(2)
    if start[:1] != PICKLE_START and start != ZIP_START:
        raise ModelMissingError(f"{path} is no PyTorch file. Expected weights as .pth, .pt, .pkl or .bin.")
