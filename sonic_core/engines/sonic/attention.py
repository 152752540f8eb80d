"""Sonic's audio attention: a second cross-attention beside CLIP's in every attn2 of SVD's UNet, as diffusers processors.

Everything that does not depend on the latents is projected before the pass: a single CLIP token's attention is its value,
the temporal context is the same at every position, and what stays constant over a run is projected once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class AttentionContext:
    """What one UNet call attends to, for B branches and W frames.

    clip: B tensors [1 or W, C].  audio: B tensors [1 or W, T, C]; a first axis of 1 = the same at every frame.
    mask: [1, 1, Hp, Wp] at pixel size, on any device, or None (audio acts everywhere).  frames: W.  size: rows and columns of the latents.
    constants: projections of tensors that are the same at every frame, kept by whoever runs many calls with the same tensors.
    """

    clip: Sequence[Tensor]
    audio: Sequence[Tensor]
    mask: Tensor | None
    frames: int
    size: tuple[int, int]
    constants: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    @cached_property
    def clip_means(self) -> list[Tensor]:
        return [_frame_mean(clip) for clip in self.clip]

    @cached_property
    def audio_means(self) -> list[Tensor]:
        return [_frame_mean(audio) for audio in self.audio]

    def projected(self, linear: nn.Linear, tokens: Tensor, same_at_every_frame: bool) -> Tensor:
        """linear(tokens), remembered when it will be asked for again."""
        if not same_at_every_frame:
            return linear(tokens)
        key = (id(linear), id(tokens))
        if key not in self.constants:
            self.constants[key] = linear(tokens)
        return self.constants[key]

    def mask_at(self, level: int) -> Tensor | None:
        """The mask where the UNet has halved the latents `level` times, [1, positions, 1]; once per run."""
        if self.mask is None:
            return None
        key = (level, id(self.mask))
        if key not in self.constants:
            height, width = self.size
            grid = mask_on_grid(self.mask, (height >> level) * (width >> level))
            self.constants[key] = grid[None, :, None].to(self.audio[0])
        return self.constants[key]


def mask_on_grid(mask: Tensor, positions: int) -> Tensor:
    """A pixel mask [1, 1, Hp, Wp] on an attention grid of `positions` places, [positions].

    Point-sampled bicubic, so it overshoots 0..1 at edges: smoother or clamped variants change the picture.
    """
    rows = int((positions / (mask.shape[-1] / mask.shape[-2])) ** 0.5)
    rows += positions % rows != 0
    columns = positions // rows
    grid = F.interpolate(mask, size=(rows, columns), mode="bicubic", align_corners=False).flatten()
    return F.pad(grid, (0, max(positions - len(grid), 0)))[:positions]


class AudioCrossAttention(nn.Module, ABC):
    """Processor of one attn2: attention to CLIP plus `scale` times attention to the audio tokens.

    `load` before every pass; the parameters' names are those of the published checkpoint.  trained_scale: what its config says.
    """

    to_k_ip: nn.ModuleList
    to_v_ip: nn.ModuleList

    def __init__(self, attn: Any, scale: float, level: int):
        super().__init__()
        width, context_width = attn.to_k.out_features, attn.to_k.in_features
        self.scale = self.trained_scale = scale
        self.level = level
        self.to_k_ip = nn.ModuleList([nn.Linear(context_width, width, bias=False)])
        self.to_v_ip = nn.ModuleList([nn.Linear(context_width, width, bias=False)])
        self.unload()

    @abstractmethod
    def load(self, attn: Any, context: AttentionContext) -> None:
        """Project what this pass attends to."""

    def unload(self) -> None:
        """Let go of it."""
        self._key: Tensor | None = None
        self._value: Tensor | None = None
        self._clip: Any = None
        self._mask: Tensor | None = None

    def _audio_attention(self, attn: Any, hidden: Tensor) -> Tensor:
        """[B', L, d] -> [B', L, d] where keys and values are [B', T, d]."""
        query, key, value = (_heads(x, attn.heads) for x in (attn.to_q(hidden), self._key, self._value))
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class SpatialAudioAttention(AudioCrossAttention):
    """Every position of a frame asks that frame's audio; the answer counts inside the face mask only."""

    def load(self, attn: Any, context: AttentionContext) -> None:
        def per_frame(linear: Any, parts: Sequence[Tensor]) -> Tensor:
            return torch.cat(
                [
                    context.projected(linear, part, len(part) == 1).expand(context.frames, *[-1] * (part.ndim - 1))
                    for part in parts
                ]
            )

        self._key, self._value = (per_frame(p[0], context.audio) for p in (self.to_k_ip, self.to_v_ip))
        self._clip = per_frame(attn.to_v, context.clip)[:, None]
        self._mask = context.mask_at(self.level)

    def forward(self, attn: Any, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        audio = self._audio_attention(attn, hidden_states)
        weighted = audio * self.scale if self._mask is None else audio * (self._mask * self.scale)
        return attn.to_out[0](self._clip + weighted)


class TemporalAudioAttention(AudioCrossAttention):
    """Every position asks the mean of the window's frames, unmasked; one set of keys and values per branch."""

    def load(self, attn: Any, context: AttentionContext) -> None:
        def per_branch(linear: Any, means: Sequence[Tensor], parts: Sequence[Tensor]) -> Tensor:
            return torch.cat([context.projected(linear, m, len(p) == 1) for m, p in zip(means, parts, strict=True)])

        audio = context.audio_means, context.audio
        self._key, self._value = (per_branch(p[0], *audio) for p in (self.to_k_ip, self.to_v_ip))
        self._clip = per_branch(attn.to_v, context.clip_means, context.clip)[:, None]

    def forward(self, attn: Any, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        assert self._key is not None  # load comes first
        branches = hidden_states.unflatten(0, (len(self._key), -1)).flatten(1, 2)
        audio = self._audio_attention(attn, branches) * self.scale
        return attn.to_out[0](self._clip + audio).view_as(hidden_states)


def add_audio_attention(model: Any, scale: float = 1.0) -> None:
    """Give every attn2 of a diffusers UNet its audio attention: masked in spatial blocks, pooled in temporal ones."""
    levels = len(model.down_blocks)
    for name, module in list(model.named_modules()):
        if not name.endswith(".attn2"):
            continue
        part, _, rest = name.partition(".")
        index = int(rest.partition(".")[0]) if part != "mid_block" else levels - 1
        level = levels - 1 - index if part == "up_blocks" else index
        kind = TemporalAudioAttention if ".temporal_transformer_blocks." in name else SpatialAudioAttention
        module.set_processor(kind(module, scale, level))


def audio_attentions(model: nn.Module) -> list[tuple[Any, AudioCrossAttention]]:
    """The attn2 modules of a model with their processors."""
    modules: list[Any] = [module for name, module in model.named_modules() if name.endswith(".attn2")]
    return [(attn, attn.processor) for attn in modules]


def _heads(x: Any, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _frame_mean(x: Tensor) -> Tensor:
    return x if len(x) == 1 else x.mean(dim=0, keepdim=True)
