"""The three networks that read a face, loaded for either runtime; their architecture is in face_modules.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..runtime.loading import open_networks
from ..runtime.network import TORCH, Network, NetworkSpec

WEIGHTS = Path(__file__).parent / "weights" / "mediapipe_face.safetensors"
DETECTOR_SIZE, MESH_SIZE, IRIS_SIZE = 128, 192, 64
"""Sides of the square pictures that the networks see, px."""


def _spec(name: str, purpose: str, size: int, outputs: dict[str, tuple[str | int, ...]]) -> NetworkSpec:
    return NetworkSpec(
        key=f"face-{name}",
        purpose=purpose,
        weights=WEIGHTS,
        maker=f"{__package__}.face_modules:load_{name}",
        inputs={"pictures": ("batch", 3, size, size)},
        outputs=outputs,
        tried_at=({"batch": 2}, {"batch": 1}, {"batch": 7}),
    )


FACE_SPECS = (
    _spec("detector", "face detector", DETECTOR_SIZE, {"boxes": ("batch", 896, 16), "logits": ("batch", 896)}),
    _spec("mesh", "face mesh", MESH_SIZE, {"points": ("batch", 468, 3), "presence": ("batch",)}),
    _spec("iris", "eye and iris contours", IRIS_SIZE, {"contours": ("batch", 71, 3), "irises": ("batch", 5, 3)}),
)


@dataclass(frozen=True)
class FaceNetwork:
    """A network of pictures: `[N, 3, size, size]` float32 in, two arrays out (see face_modules.py)."""

    network: Network
    size: int

    def __call__(self, pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        first, second = self.network(pictures)
        return first, second


@dataclass(frozen=True)
class FaceNetworks:
    """The three networks together."""

    detector: FaceNetwork
    mesh: FaceNetwork
    iris: FaceNetwork


def load_networks(runtime: str = TORCH, folders: Sequence[Path] | None = None) -> FaceNetworks:
    """All three, with the package's weights.  folders: where exported files are searched, None = in the usual models folders."""
    networks = open_networks(FACE_SPECS, runtime, folders)
    sizes = (DETECTOR_SIZE, MESH_SIZE, IRIS_SIZE)
    return FaceNetworks(*(FaceNetwork(network, size) for network, size in zip(networks, sizes, strict=True)))


def probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
