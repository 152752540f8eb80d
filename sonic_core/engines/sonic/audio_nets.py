"""The two small networks between the audio encoder and the UNet: tokens for cross-attention and motion buckets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BUCKET_SCALE = BUCKET_OFFSET = 16.0


class AudioToToken(nn.Module):
    """Audio features around one key frame -> the tokens that the UNet attends to."""

    def __init__(self, inputs: int, hidden: int, tokens: int, width: int):
        super().__init__()
        self.tokens, self.width = tokens, width
        self.proj1 = nn.Linear(inputs, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, windows: Tensor) -> Tensor:
        """[N, positions, states, channels] -> [N, tokens, width]."""
        x = F.relu(self.proj1(windows.flatten(1)))
        x = F.relu(self.proj2(x))
        return self.norm(self.proj3(x).unflatten(1, (self.tokens, self.width)))


class AudioToBucket(nn.Module):
    """Audio features around one key frame and the picture's CLIP embedding -> how much head and face should move."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.proj1 = nn.Linear(inputs, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, 2)

    def forward(self, windows: Tensor, clip: Tensor) -> Tensor:
        """windows: [N, positions, 1, channels], clip: [N or 1, C] -> raw [N, 2]: translation, expression."""
        x = torch.cat([windows.flatten(1), clip.expand(windows.shape[0], -1)], dim=1)
        x = F.silu(self.proj1(x))
        x = F.silu(self.proj2(x))
        return self.proj3(x)


def motion_buckets(raw: Tensor) -> Tensor:
    """The numbers that stand in SVD's slots for motion bucket and noise augmentation; about 0-128, not clipped."""
    return raw * BUCKET_SCALE + BUCKET_OFFSET
