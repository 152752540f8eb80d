"""Loads the small networks for the runtime that was chosen; a runtime is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .network import ONNX, TORCH, Network, NetworkSpec, check_runtime


def open_networks(
    specs: Sequence[NetworkSpec], runtime: str = TORCH, folders: Sequence[Path] | None = None
) -> tuple[Network, ...]:
    """The networks, loaded.  folders: models folders to search for exported files, None = the usual ones; PyTorch needs none.

    Raises SettingsError for an unknown runtime or one that is not installed, ModelMissingError that lists every exported file that is
    missing or was made from other weights.
    """
    check_runtime(runtime)
    if runtime == ONNX:
        from .onnx_network import open_exported

        return open_exported(specs, folders)
    from .torch_network import TorchNetwork

    return tuple(TorchNetwork(spec.make()) for spec in specs)
