"""The lip reader: from a speech encoder's states to what lips, jaw and tongue do, every 20 ms; says what is heard, not how it is played."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..runtime.loading import open_networks
from ..runtime.network import TORCH, Network, NetworkSpec
from ..scratch import RowStore, forget
from .encoder_choice import LAYERS, WEIGHTS, WIDTH
from .encoders import SpeechEncoder, map_blocks

PHONES = (
    "SIL AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW P B M F V W TH DH S Z SH ZH CH JH T D N L R Y K G NG HH".split()  # noqa: SIM905
)
OPEN, ROUND, CLOSURE, LABIODENTAL = range(4)
"""Places of the first four outputs; the logits of PHONES follow."""
OUTPUTS = 4 + len(PHONES)
ROWS = 1 << 16
"""Of a long recording's phones that are gone through at a time."""


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

    def sounding(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """Expected value of what depends on single sounds, `[T]`: phones by name, others count 0."""
        column = _column(tuple(weights.items()))
        expected = np.empty(len(self.phones), np.float32)
        for first in range(0, len(expected), ROWS):
            expected[first : first + ROWS] = self.phones[first : first + ROWS] @ column
            forget(self.phones)
        return expected

    @classmethod
    def from_outputs(cls, outputs: NDArray[np.float32]) -> Articulation:
        """outputs: [T, 44] of the lip reader."""
        logits = outputs[:, 4:]
        phones = np.exp(logits - logits.max(1, keepdims=True))
        phones /= phones.sum(1, keepdims=True)
        bilabial = phones[:, [PHONES.index(p) for p in "PBM"]].sum(1)
        return cls(
            open=np.clip(outputs[:, OPEN], 0, 1.2),
            round=np.clip(outputs[:, ROUND], -1.2, 1.2),
            closure=np.maximum(_probability(outputs[:, CLOSURE]), bilabial),
            labiodental=_probability(outputs[:, LABIODENTAL]),
            phones=phones,
        )


LIP_READER_SPEC = NetworkSpec(
    key="lip-reader",
    purpose="lip reader",
    weights=WEIGHTS / "lip_reader.safetensors",
    maker=f"{__package__}.lip_reader_module:load_module",
    inputs={"states": ("states", LAYERS, WIDTH)},
    outputs={"articulation": ("states", OUTPUTS)},
    tried_at=({"states": 500}, {"states": 37}, {"states": 1}),
)


def load_lip_reader(
    weights: Path | None = None, runtime: str = TORCH, folders: Sequence[Path] | None = None
) -> Network:
    """The lip reader, `[T, layers, width]` -> `[T, 44]`.

    weights: a file made by training/train_lips.py instead of the package's.  folders: where exported files are searched.
    """
    (network,) = open_networks([replace(LIP_READER_SPEC, weights=weights or LIP_READER_SPEC.weights)], runtime, folders)
    return network


def read_lips(encoder: SpeechEncoder, reader: Network, pieces: Iterable[NDArray[np.float32]]) -> Articulation:
    """Listen to a recording (16 kHz mono, whole or in pieces); of an hour 3 MB stay in memory, the phones of a long one lie in a file.

    reader: see `load_lip_reader`.
    """

    def listen(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return reader(encoder.states(samples))[0]

    curves, phones = [], RowStore(len(PHONES))
    for outputs in map_blocks(listen, pieces):
        heard = Articulation.from_outputs(outputs)
        curves.append(np.stack([heard.open, heard.round, heard.closure, heard.labiodental]))
        phones.append(heard.phones)
    opening, rounding, closure, labiodental = np.concatenate(curves, axis=1)
    return Articulation(opening, rounding, closure, labiodental, phones.whole())


@lru_cache
def _column(weights: tuple[tuple[str, float], ...]) -> NDArray[np.float32]:
    """Weights of phones by name as those of PHONES, others 0."""
    named = dict(weights)
    return np.array([named.get(phone, 0.0) for phone in PHONES], np.float32)


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return 0.5 * (1 + np.tanh(0.5 * logits))
