"""A small decoder in the place of the VAE's (TAESD, where the user has its file): rough pictures for a few hundredths of the work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers.models.autoencoders.vae import DecoderTiny
from numpy.typing import NDArray
from torch import Tensor, nn

from ...models.filling import Weights, filled
from .previews import middle_frame

BLOCKS = (3, 3, 3, 1)  # of TAESD, at each of its four sizes
_DIFFUSERS = "decoder.layers."


def build_small_decoder(weights: Weights) -> nn.Module:
    """From a file of TAESD's own (`taesd_decoder`) or of diffusers' (`AutoencoderTiny`, of which the decoder is taken)."""
    own = dict(_renamed(weights))
    width = own["layers.0.weight"].shape[0] if "layers.0.weight" in own else 64
    return filled(lambda: _of_width(width), own)


def _of_width(width: int) -> nn.Module:
    return DecoderTiny(4, 3, BLOCKS, (width,) * len(BLOCKS), 2, "relu", "nearest")


def _renamed(weights: Weights) -> list[tuple[str, Tensor]]:
    if any(key.startswith(_DIFFUSERS) for key in weights):
        return [(key.removeprefix("decoder."), value) for key, value in weights.items() if key.startswith(_DIFFUSERS)]
    # There the first layer, which has no weights, limits the latents; diffusers does that outside of the layers.
    named = ((key.partition("."), value) for key, value in weights.items())
    return [(f"layers.{int(n) - 1}.{rest}" if n.isdecimal() else n + dot + rest, v) for (n, dot, rest), v in named]


@dataclass(frozen=True)
class SmallDecode:
    """The `ChunkDecode` of a small decoder, wherever it is; frames know nothing of each other, so that chunks have no seams."""

    decoder: nn.Module

    @torch.no_grad()
    def __call__(self, latents: Tensor) -> Tensor:
        """latents [K, 4, h, w] as sampled -> pictures [K, 3, 8h, 8w], float32, about -1..1."""
        parameter = next(self.decoder.parameters())
        return self.decoder(latents.to(parameter.device, parameter.dtype)).float()


def decoded_preview(decoder: nn.Module, latents: Tensor) -> NDArray[np.uint8]:
    """The middle frame of latents [N, 4, h, w] as RGB uint8 [8h, 8w, 3]."""
    (picture,) = SmallDecode(decoder)(middle_frame(latents)[None])
    return ((picture + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
