"""Whisper's hidden states at 50 Hz for a waveform of any length, in the 30-second pieces that Sonic was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

RATE = 16_000
HOP = 320  # samples of one 50 Hz position
CHUNK_POSITIONS = 1500  # 30 s: what Whisper hears at once
OVERLAP_POSITIONS = 250  # 5 s of it heard by both neighbours
EDGE_POSITIONS = 50  # 1 s at a chunk's edge lacks context on one side and is not used where the neighbour knows better

States = Tensor
"""[positions, states, channels] float32 at 50 Hz."""


@dataclass(frozen=True)
class WhisperStates:
    """Whisper's encoder as a feature extractor: the embedded input, every layer's output, the last one normalised."""

    network: Any  # transformers.WhisperModel's encoder: its attributes are no part of nn.Module
    extract: Callable[..., dict]

    @classmethod
    def around(cls, network: Any) -> WhisperStates:
        from transformers import WhisperFeatureExtractor

        return cls(network, WhisperFeatureExtractor(feature_size=network.config.num_mel_bins))

    @property
    def layers(self) -> int:
        """States at every position."""
        return len(self.network.layers) + 1

    @property
    def width(self) -> int:
        return self.network.config.d_model

    @torch.no_grad()
    def __call__(self, wave: NDArray[np.float32]) -> States:
        """Up to 30 s of 16 kHz waveform -> states of the full 30 s, [1500, layers, d]; what is missing is heard as silence."""
        mel = self.extract(wave, sampling_rate=RATE, return_tensors="pt")["input_features"]
        weight = next(self.network.parameters())
        return states_of(self.network, list(self.network.layers), mel.to(weight.device, weight.dtype))


Encoder = Callable[[NDArray[np.float32]], States]


def independent_chunks(encode: Encoder, wave: NDArray[np.float32], positions: int) -> States:
    """States of a waveform in 30-s pieces that know nothing of each other, as the published code makes them."""
    size = CHUNK_POSITIONS * HOP
    states = [encode(wave[start : start + size]) for start in range(0, max(len(wave), 1), size)]
    return torch.cat(states)[:positions]


def overlapping_chunks(encode: Encoder, wave: NDArray[np.float32], positions: int) -> States:
    """States of a waveform in 30-s pieces that overlap by 5 s and are blended there: no seam, and the same as one piece up to 30 s."""
    blended = torch.zeros(0)
    for start, chunk in _overlapping(encode, wave, positions):
        if not len(blended):
            blended = chunk.new_zeros(positions, *chunk.shape[1:])
        weights = _fade_in(len(chunk)) if start else torch.ones(len(chunk))
        end = min(start + len(chunk), positions)
        share = weights[: end - start, None, None].to(chunk)
        blended[start:end] = blended[start:end] * (1 - share) + chunk[: end - start] * share
    return blended


def _overlapping(encode: Encoder, wave: NDArray[np.float32], positions: int) -> Iterator[tuple[int, States]]:
    start = 0
    while True:
        yield start, encode(wave[start * HOP : (start + CHUNK_POSITIONS) * HOP])
        if start + CHUNK_POSITIONS >= positions:
            return
        start += CHUNK_POSITIONS - OVERLAP_POSITIONS


def _fade_in(length: int) -> Tensor:
    """0 while a chunk lacks context, 1 where its predecessor does."""
    places = torch.arange(length, dtype=torch.float32)
    return ((places - EDGE_POSITIONS) / (OVERLAP_POSITIONS - 2 * EDGE_POSITIONS)).clamp(0, 1)


def states_of(model: nn.Module, layers: list[nn.Module], x: Tensor) -> States:
    """What goes into every layer, and what comes out of the whole; read by hooks, alike in all versions of transformers."""
    states: list[Tensor] = []

    def keep(module: nn.Module, args: tuple, kwargs: dict) -> None:
        states.append(args[0] if args else kwargs["hidden_states"])

    hooks = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in layers]
    try:
        last = model(x)[0]
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack([*states, last], dim=2)[0].float()
