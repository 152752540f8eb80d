"""Sonic's UNet: diffusers' SVD UNet with audio attention, and a pass that can stop at the outermost layers."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from torch import Tensor

from .attention import AttentionContext, add_audio_attention, audio_attentions


class SonicUNet(UNetSpatioTemporalConditionModel):
    """SVD's UNet with a decoupled audio attention in each of its cross-attentions; parameters are named as in `unet.pth`."""

    def __init__(self, audio_scale: float = 1.0, **config: Any):
        super().__init__(**config)
        add_audio_attention(self, audio_scale)

    def forward(self, sample: Tensor, timestep: Tensor, added_time_ids: Tensor, context: AttentionContext) -> Tensor:
        """Predict v.

        sample: [B, W, 8, h, w], four noisy channels and four of the image latent; h and w multiples of 8.
        timestep: [1] or [B], ln(sigma) / 4.  added_time_ids: [B, 3]: fps, translation bucket, expression bucket.
        Returns [B, W, 4, h, w].
        """
        self._load(context)
        batch, frames = sample.shape[:2]
        hidden = sample.flatten(0, 1)
        shared = self._shared_inputs(hidden, batch, frames, timestep, added_time_ids)

        hidden = self.conv_in(hidden)
        skips = (hidden,)
        for block in self.down_blocks:
            hidden, more = block(hidden_states=hidden, **_accepted(block, shared))
            skips += more
        hidden = self.mid_block(hidden_states=hidden, **shared)
        for block in self.up_blocks:
            count = len(block.resnets)
            hidden = block(hidden_states=hidden, res_hidden_states_tuple=skips[-count:], **_accepted(block, shared))
            skips = skips[:-count]
        return self._output(hidden, batch)

    def _load(self, context: AttentionContext) -> None:
        for attn, processor in audio_attentions(self):
            processor.load(attn, context)

    def _shared_inputs(
        self, hidden: Tensor, batch: int, frames: int, timestep: Tensor, added_time_ids: Tensor
    ) -> dict[str, Tensor]:
        """What every block gets.  The processors hold the real cross-attention context; blocks carry an empty one along."""
        time = self.time_proj(timestep.expand(batch)).to(hidden.dtype)
        ids = self.add_time_proj(added_time_ids.flatten()).reshape(batch, -1).to(hidden.dtype)
        embedding = self.time_embedding(time) + self.add_embedding(ids)
        return {
            "temb": embedding.repeat_interleave(frames, dim=0),
            "encoder_hidden_states": hidden.new_zeros(batch * frames, 1, 1),
            "image_only_indicator": hidden.new_zeros(batch, frames),
        }

    def _output(self, hidden: Tensor, batch: int) -> Tensor:
        return self.conv_out(self.conv_act(self.conv_norm_out(hidden))).unflatten(0, (batch, -1))


def _accepted(block: torch.nn.Module, shared: dict[str, Tensor]) -> dict[str, Tensor]:
    if getattr(block, "has_cross_attention", False):
        return shared
    return {name: value for name, value in shared.items() if name != "encoder_hidden_states"}
