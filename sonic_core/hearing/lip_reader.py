"""LipReader: from a speech encoder's states to what lips, jaw and tongue do, every 20 ms; says what is heard, not how it is played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..package_weights import reading
from .encoders import WEIGHTS, SpeechEncoder, map_blocks

PHONES = (
    "SIL AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW P B M F V W TH DH S Z SH ZH CH JH T D N L R Y K G NG HH".split()  # noqa: SIM905
)
OPEN, ROUND, CLOSURE, LABIODENTAL = range(4)
"""Places of the first four outputs; the logits of PHONES follow."""
OUTPUTS = 4 + len(PHONES)


@dataclass(frozen=True)
class Articulation:
    """What was heard, 50 times a second.

    open: lip opening 0 to about 1.  round: -1 spread to 1 rounded.  closure: probability that a bilabial holds the lips together.
    labiodental: probability of f or v.  phones: [T, 40] probabilities in the order of PHONES.  All float32, [T].
    """

    open: NDArray[np.float32]
    round: NDArray[np.float32]
    closure: NDArray[np.float32]
    labiodental: NDArray[np.float32]
    phones: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.open)

    @classmethod
    def from_outputs(cls, outputs: Tensor) -> Articulation:
        """outputs: [T, 44] of a LipReader."""
        y = outputs.float()
        phones = y[:, 4:].softmax(-1).numpy()
        bilabial = phones[:, [PHONES.index(p) for p in "PBM"]].sum(1)
        return cls(
            open=y[:, OPEN].clamp(0, 1.2).numpy(),
            round=y[:, ROUND].clamp(-1.2, 1.2).numpy(),
            closure=np.maximum(y[:, CLOSURE].sigmoid().numpy(), bilabial),
            labiodental=y[:, LABIODENTAL].sigmoid().numpy(),
            phones=phones,
        )


class LipReader(nn.Module):
    """A learned mix of all encoder layers, then residual convolutions: sees 0.3 s to either side beyond the encoder's own view."""

    def __init__(
        self, layers: int = 5, width: int = 384, channels: int = 192, depth: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.mix = nn.Parameter(torch.zeros(layers))
        self.project = nn.Linear(width, channels)
        self.blocks = nn.Sequential(*[_ConvBlock(channels, dropout) for _ in range(depth)])
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


class _ConvBlock(nn.Module):
    def __init__(self, channels: int, dropout: float, kernel: int = 7) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.up, self.down = nn.Linear(channels, 3 * channels), nn.Linear(3 * channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        near = self.depthwise(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.down(F.gelu(self.up(near))))


def read_lips(encoder: SpeechEncoder, reader: LipReader, pieces: Iterable[NDArray[np.float32]]) -> Articulation:
    """Listen to a recording (16 kHz mono, whole or in pieces); memory beyond the result does not grow with its length."""

    def listen(samples: Tensor) -> Tensor:
        return reader(encoder.states(samples)[None])[0]

    return Articulation.from_outputs(torch.cat(list(map_blocks(listen, pieces))))
