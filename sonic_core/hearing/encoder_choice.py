"""The speech encoders of the package by name; nothing heavy is imported before one is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..runtime.loading import open_networks
from ..runtime.network import TORCH, Network, NetworkSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENCODERS = ("wav2vec2", "whisper")
DEFAULT_ENCODER = "wav2vec2"
WEIGHTS = Path(__file__).parent / "weights"
"""The package's, of encoders and lip reader."""
LAYERS, WIDTH = 5, 384
"""Of the states of either encoder."""


def _spec(name: str, purpose: str, weights: Path) -> NetworkSpec:
    return NetworkSpec(
        key=f"speech-encoder-{name}",
        purpose=purpose,
        weights=weights,
        maker=f"{__package__}.{name}:load_module",
        inputs={"waveform": ("samples",)},
        outputs={"states": ("states", LAYERS, WIDTH)},
        tried_at=({"samples": 160_000}, {"samples": 48_000}, {"samples": 3_200}),
        examples=f"{__package__}.example_speech:example_speech",
    )


ENCODER_SPECS = {
    "wav2vec2": _spec("wav2vec2", "speech encoder", WEIGHTS / "wav2vec2"),
    "whisper": _spec("whisper", "speech encoder Whisper", WEIGHTS / "whisper_tiny_en_encoder.safetensors"),
}


@dataclass(frozen=True)
class PackageEncoder:
    """An encoder of the package on either runtime; see `encoders.SpeechEncoder`."""

    network: Network
    name: str
    layers: int = LAYERS
    width: int = WIDTH

    def states(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.network(waveform)[0]


def load_encoder(
    name: str = DEFAULT_ENCODER, runtime: str = TORCH, folders: Sequence[Path] | None = None
) -> PackageEncoder:
    """The encoder called `name` with the package's weights; the lip reader understands either.

    folders: where exported files are searched, None = in the usual models folders.
    Raises SettingsError for an unknown name or runtime, ModelMissingError when its weights are absent.
    """
    (network,) = open_networks([encoder_spec(name)], runtime, folders)
    return PackageEncoder(network, name)


def encoder_spec(name: str) -> NetworkSpec:
    """Raises SettingsError for an unknown name."""
    if name not in ENCODER_SPECS:
        raise SettingsError(f"encoder is {name!r}; expected one of {', '.join(ENCODERS)}.")
    return ENCODER_SPECS[name]
