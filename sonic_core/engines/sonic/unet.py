"""Sonic's UNet: diffusers' SVD UNet with audio attention, and a pass that can stop at the outermost layers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.resnet import SpatioTemporalResBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from torch import Tensor, nn

from .attention import AttentionContext, add_audio_attention, audio_attentions
from .temporal_convolution import use_fast_temporal_convolutions

SHAPES = 128  # that a kind of block may have in one network
SHALLOW_LAYERS = 2  # of the last block, with their counterpart in the first: a fifth of a full pass at full size


class SonicUNet(UNetSpatioTemporalConditionModel):
    """SVD's UNet with a decoupled audio attention in each of its cross-attentions; parameters are named as in `unet.pth`."""

    def __init__(self, audio_scale: float = 1.0, **config: Any):
        super().__init__(**config)
        add_audio_attention(self, audio_scale)
        use_fast_temporal_convolutions(self)
        self._compiled = False

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        added_time_ids: Tensor,
        context: AttentionContext,
        keep: list[Tensor] | None = None,
    ) -> Tensor:
        """Predict v.

        sample: [B, W, 8, h, w], four noisy channels and four of the image latent; h and w multiples of 8.
        timestep: [1] or [B], ln(sigma) / 4.  added_time_ids: [B, 3]: fps, translation bucket, expression bucket.
        keep: gets what `forward_shallow` needs to go on from.  Returns [B, W, 4, h, w].
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
        for block in self.up_blocks[:-1]:
            count = len(block.resnets)
            hidden = block(hidden_states=hidden, res_hidden_states_tuple=skips[-count:], **_accepted(block, shared))
            skips = skips[:-count]

        inner = range(len(skips) - SHALLOW_LAYERS)
        hidden = self._last_layers(hidden, skips[SHALLOW_LAYERS:], inner, shared)
        if keep is not None:
            keep[:] = [hidden]
        outer = range(len(inner), len(skips))
        hidden = self._last_layers(hidden, skips[:SHALLOW_LAYERS], outer, shared)
        return self._output(hidden, batch)

    def forward_shallow(
        self, sample: Tensor, timestep: Tensor, added_time_ids: Tensor, context: AttentionContext, deep: Tensor
    ) -> Tensor:
        """Predict v by the outermost layers alone, on top of what the same frames' last full pass left in `keep` (DeepCache).

        Right in form, near in value: coarse features change little between neighbouring noise levels (Ma et al. 2024).
        """
        self._load(context)
        batch, frames = sample.shape[:2]
        hidden = sample.flatten(0, 1)
        shared = self._shared_inputs(hidden, batch, frames, timestep, added_time_ids)
        skips: tuple[Tensor, ...] = (self.conv_in(hidden),)
        first = self.down_blocks[0]
        for i in range(SHALLOW_LAYERS - 1):
            skips += (_layer(first, i, skips[-1], shared),)
        last = len(self.up_blocks[-1].resnets)
        return self._output(self._last_layers(deep, skips, range(last - SHALLOW_LAYERS, last), shared), batch)

    def _last_layers(
        self, hidden: Tensor, skips: tuple[Tensor, ...], layers: range, shared: dict[str, Tensor]
    ) -> Tensor:
        block = self.up_blocks[-1]
        for i, skip in zip(layers, reversed(skips), strict=True):
            hidden = _layer(block, i, torch.cat([hidden, skip], dim=1), shared)
        return hidden

    def chunk_feed_forward(self, on: bool) -> None:
        """Run feed-forward layers frame by frame, in half the memory, or whole again; the numbers stay the same."""
        for module in self.modules():
            if hasattr(module, "set_chunk_feed_forward"):
                module.set_chunk_feed_forward(1 if on else None, dim=0)

    def weigh_audio(self, scale: float) -> None:
        """Weight of the attention to sound beside that to the picture, 1 = as trained."""
        for _, processor in audio_attentions(self):
            processor.scale = scale * processor.trained_scale

    def unload_context(self) -> None:
        """Let go of what the last pass attended to."""
        for _, processor in audio_attentions(self):
            processor.unload()

    def compile_blocks(self) -> None:
        """Compile every resnet and transformer block, once; they repeat in a few shapes, so this is quicker than the whole."""
        if not self._compiled:
            for module in self._blocks():
                module.compile(dynamic=False)
            self._compiled = True

    def run_as_written(self) -> None:
        """Take back what `compile_blocks` did."""
        for module in self._blocks() if self._compiled else ():
            module._compiled_call_impl = None
        self._compiled = False

    def room_for_every_shape(self, compiled: bool = True) -> AbstractContextManager[object]:
        """To be entered around passes: a compiled block is compiled anew for each of its shapes, and PyTorch gives up after eight.

        compiled: whether the blocks are, or will be while the passes run.
        """
        if not compiled:
            return nullcontext()
        config = torch._dynamo.config
        limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
        return config.patch({limit: SHAPES})

    @property
    def places_to_stop(self) -> list[nn.Module]:
        """Parts before which a pass on a GPU can be stopped; a compiled part is run as a whole."""
        outer = [*self.down_blocks, self.mid_block, *self.up_blocks]
        return outer if self._compiled else [*outer, *self._blocks()]

    def _blocks(self) -> list[nn.Module]:
        """The parts that repeat."""
        return [m for m in self.modules() if isinstance(m, (SpatioTemporalResBlock, TransformerSpatioTemporalModel))]

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


def _layer(block: Any, index: int, hidden: Tensor, shared: dict[str, Tensor]) -> Tensor:
    """One resnet of a block and the attention that follows it."""
    hidden = block.resnets[index](hidden, shared["temb"], image_only_indicator=shared["image_only_indicator"])
    if not getattr(block, "has_cross_attention", False):
        return hidden
    attend = block.attentions[index]
    return attend(
        hidden,
        encoder_hidden_states=shared["encoder_hidden_states"],
        image_only_indicator=shared["image_only_indicator"],
        return_dict=False,
    )[0]


def _accepted(block: nn.Module, shared: dict[str, Tensor]) -> dict[str, Tensor]:
    if getattr(block, "has_cross_attention", False):
        return shared
    return {name: value for name, value in shared.items() if name != "encoder_hidden_states"}
