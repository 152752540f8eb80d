"""RIFE's weights: what the file is, where it comes from and where it goes."""

from __future__ import annotations

from pathlib import Path

from ..models.manifest import ModelFile, RemoteFile, SharedFolder, Source


def _is_flownet(path: Path) -> bool:
    from .flownet import is_flownet  # PyTorch, which is needed only where such a folder holds anything

    return is_flownet(path)


SHARED = SharedFolder("frame_interpolation", _is_flownet)
"""Where newer ComfyUIs keep RIFE 4 and FILM, which are other networks."""
FLOWNET = ModelFile(
    "flownet",
    "frame interpolation (RIFE); optical flow takes its place when absent",
    "sonic/RIFE/flownet.pkl",
    tuple(f"{folder}flownet.{end}" for end in ("safetensors", "pkl") for folder in ("sonic/RIFE/", "RIFE/")),
    "MIT",
    Source(
        "LeonJoe13/Sonic",
        (
            RemoteFile(
                "RIFE/flownet.pkl",
                12_186_817,
                "fe854fc8996547c953f732aaa3b78cae76cc0a12833ae856ea0749c4c570d7d8",
            ),
        ),
    ),
    optional=True,
    shared=SHARED,
)
