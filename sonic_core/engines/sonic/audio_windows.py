"""Windows of audio states around every key frame: what the token network and the bucket network look at."""

from __future__ import annotations

import torch
from torch import Tensor

POSITIONS_PER_KEY_FRAME = 4  # 50 Hz states, 12.5 key frames a second
TOKEN_BEFORE, TOKEN_SPAN = 4, 10
BUCKET_BEFORE, BUCKET_SPAN = 24, 50


def token_windows(states: Tensor, frames: Tensor) -> Tensor:
    """States [P, S, d] around key frames [N] -> [N, 10, S, d]: 80 ms before to 120 ms after; zeros outside the recording."""
    return _windows(states, frames, TOKEN_BEFORE, TOKEN_SPAN)


def bucket_windows(states: Tensor, frames: Tensor) -> Tensor:
    """The last state of [P, S, d] around key frames [N] -> [N, 50, 1, d]: 0.48 s before to 0.52 s after."""
    return _windows(states[:, -1:], frames, BUCKET_BEFORE, BUCKET_SPAN)


def _windows(states: Tensor, frames: Tensor, before: int, span: int) -> Tensor:
    places = frames[:, None] * POSITIONS_PER_KEY_FRAME - before + torch.arange(span)
    inside = (places >= 0) & (places < len(states))
    windows = states[places.clamp(0, len(states) - 1)]
    return windows * inside[..., None, None].to(windows)
