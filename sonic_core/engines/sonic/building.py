"""Networks from weights: architecture read off the shapes, every key accounted for, no memory spent twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import nn

from ...errors import ModelMissingError
from ...models.filling import Weights, filled
from . import architecture
from .audio_nets import AudioToBucket, AudioToToken
from .temporal_convolution import use_fast_temporal_convolutions
from .unet import SonicUNet

Sidecar = Mapping[str, Any] | None


@contextmanager
def _as_described(network: str) -> Iterator[None]:
    """ModelMissingError for whatever the libraries say of a config.json, or of shapes, of which no network can be made."""
    try:
        yield
    except (ModelMissingError, ImportError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:200]
        raise ModelMissingError(
            f"no {network} can be made as the weights and the config.json beside them say ({type(error).__name__}: {why}); "
            "restore both from their source."
        ) from error


@_as_described("UNet")
def build_unet(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> SonicUNet:
    """Sonic's UNet from the weights of `unet.pth`."""
    return filled(lambda: SonicUNet(**architecture.unet_config(weights, sidecar)), weights, dtype)


@_as_described("audio2token network")
def build_token_net(weights: Weights, dtype: torch.dtype = torch.float32) -> AudioToToken:
    """The network of `audio2token.pth`."""
    return filled(lambda: AudioToToken(**architecture.token_net_config(weights)), weights, dtype)


@_as_described("audio2bucket network")
def build_bucket_net(weights: Weights, dtype: torch.dtype = torch.float32) -> AudioToBucket:
    """The network of `audio2bucket.pth`."""
    return filled(lambda: AudioToBucket(**architecture.bucket_net_config(weights)), weights, dtype)


@_as_described("VAE")
def build_vae(
    weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32
) -> AutoencoderKLTemporalDecoder:
    """SVD's VAE."""
    vae = filled(lambda: AutoencoderKLTemporalDecoder(**architecture.vae_config(weights, sidecar)), weights, dtype)
    use_fast_temporal_convolutions(vae)
    return vae


@_as_described("CLIP vision encoder")
def build_clip(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> nn.Module:
    """SVD's CLIP vision encoder, `CLIPVisionModelWithProjection`."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(**architecture.clip_config(weights, sidecar))
    own = {key: value for key, value in weights.items() if not key.endswith("position_ids")}
    return filled(lambda: CLIPVisionModelWithProjection(config), own, dtype)


def published_vae_and_clip(dtype: torch.dtype = torch.float32) -> tuple[AutoencoderKLTemporalDecoder, nn.Module]:
    """SVD-XT's VAE and ViT-H/14 as they are published, without weights; on the device of the `with` block around the call."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    widths = (128, 256, 512, 512)
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=widths, down_block_types=("DownEncoderBlock2D",) * len(widths), layers_per_block=2
    )
    clip = CLIPVisionConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=16,
        patch_size=14,
        projection_dim=1024,
    )
    use_fast_temporal_convolutions(vae)
    # Not diffusers' own `to`, which warns of networks that are cast after they were made.
    return nn.Module.to(vae, dtype), CLIPVisionModelWithProjection(clip).to(dtype)


@_as_described("Whisper encoder")
def build_whisper(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The encoder half of Whisper; the decoder's weights are passed over."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    own = {
        key.removeprefix("model.").removeprefix("encoder."): v for key, v in weights.items() if "decoder." not in key
    }
    own.pop("proj_out.weight", None)
    config = WhisperConfig(**architecture.whisper_config(own, sidecar))
    return filled(lambda: WhisperEncoder(config), own, dtype)
