"""A network and its weights brought together: every key accounted for, no memory spent twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import ModelMissingError

Weights = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


def filled(make: Callable[[], Network], weights: Weights, dtype: torch.dtype = torch.float32) -> Network:
    """The module with these weights as its parameters, in `dtype`, in evaluation mode.

    Raises ModelMissingError unless every key and shape fits.
    """
    with torch.device("meta"):
        module = make()
    _check(module, weights)
    module.load_state_dict({key: value.to(dtype) for key, value in weights.items()}, strict=True, assign=True)
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:  # not part of a checkpoint: CLIP's and Whisper's positions
            owner, _, attribute = name.rpartition(".")
            places = torch.arange(buffer.shape[-1], dtype=buffer.dtype).expand(buffer.shape).clone()
            module.get_submodule(owner).register_buffer(attribute, places, persistent=False)
    return module.eval().requires_grad_(False)


def _check(module: nn.Module, weights: Weights) -> None:
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})"
        for what, names in (
            ("tensors are missing", sorted(expected.keys() - weights.keys())),
            ("tensors are foreign", sorted(weights.keys() - expected.keys())),
            (
                "have another shape",
                sorted(k for k in expected.keys() & weights.keys() if expected[k] != tuple(weights[k].shape)),
            ),
        )
        if names
    ]
    if faults:
        raise ModelMissingError(f"these weights are not those of {type(module).__name__}: {'; '.join(faults)}")
