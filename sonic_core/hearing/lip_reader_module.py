"""The lip reader's network: from a speech encoder's states to what lips, jaw and tongue do."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..package_weights import reading
from .encoder_choice import WEIGHTS
from .lip_reader import OUTPUTS


class LipReader(nn.Module):
    """A learned mix of all encoder layers, then residual convolutions: sees 0.3 s to either side beyond the encoder's own view."""

    def __init__(
        self, layers: int = 5, width: int = 384, channels: int = 192, depth: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.mix = nn.Parameter(torch.zeros(layers))
        self.project = nn.Linear(width, channels)
        self.blocks = nn.Sequential(*[ConvBlock(channels, dropout) for _ in range(depth)])
        self.norm = nn.LayerNorm(channels)
        self.out = nn.Linear(channels, OUTPUTS)

    def forward(self, states: Tensor) -> Tensor:
        """[batch, T, layers, width] -> [batch, T, 44]."""
        parts = zip(self.mix.softmax(0), self.norms, states.unbind(2), strict=True)
        mixed = sum(weight * norm(layer) for weight, norm, layer in parts)
        return self.out(self.norm(self.blocks(F.gelu(self.project(mixed)))))

    @classmethod
    def load(cls, path: Path = WEIGHTS / "lip_reader.safetensors") -> LipReader:
        """The weights of the package, or of a file made by training/train_lips.py."""
        from safetensors import safe_open

        with reading("The lip reader", path), safe_open(path, "pt") as file:
            shape = {k: int(v) for k, v in file.metadata().items() if k in ("layers", "width", "channels", "depth")}
            reader = cls(**shape)
            reader.load_state_dict({k: file.get_tensor(k).float() for k in file.keys()})  # noqa: SIM118  not a dict
        return reader.eval().requires_grad_(False)


class ConvBlock(nn.Module):
    """Each channel over time, then all channels of each state."""

    def __init__(self, channels: int, dropout: float, kernel: int = 7) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.up, self.down = nn.Linear(channels, 3 * channels), nn.Linear(3 * channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        near = self.depthwise(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.down(F.gelu(self.up(near))))


class OneRecording(nn.Module):
    """A reader of batches as the network of one stretch: `[states, layers, width]` -> `[states, 44]`."""

    def __init__(self, reader: LipReader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, states: Tensor) -> Tensor:
        return self.reader(states[None])[0]


def load_module(weights: Path) -> OneRecording:
    """For `NetworkSpec`."""
    return OneRecording(LipReader.load(weights))
