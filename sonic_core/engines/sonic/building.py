"""Networks from weights: architecture read off the shapes, every key accounted for, no memory spent twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn

from ...errors import ModelMissingError
from . import architecture
from .audio_nets import AudioToBucket, AudioToToken
from .rife import IFNet
from .temporal_convolution import use_fast_temporal_convolutions
from .unet import SonicUNet

Weights = Mapping[str, Tensor]
Sidecar = Mapping[str, Any] | None


def build_unet(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> SonicUNet:
    """Sonic's UNet from the weights of `unet.pth`."""
    return _filled(lambda: SonicUNet(**architecture.unet_config(weights, sidecar)), weights, dtype)


def build_token_net(weights: Weights, dtype: torch.dtype = torch.float32) -> AudioToToken:
    """The network of `audio2token.pth`."""
    return _filled(lambda: AudioToToken(**architecture.token_net_config(weights)), weights, dtype)


def build_bucket_net(weights: Weights, dtype: torch.dtype = torch.float32) -> AudioToBucket:
    """The network of `audio2bucket.pth`."""
    return _filled(lambda: AudioToBucket(**architecture.bucket_net_config(weights)), weights, dtype)


def build_vae(
    weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32
) -> AutoencoderKLTemporalDecoder:
    """SVD's VAE."""
    vae = _filled(lambda: AutoencoderKLTemporalDecoder(**architecture.vae_config(weights, sidecar)), weights, dtype)
    use_fast_temporal_convolutions(vae)
    return vae


def build_clip(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> nn.Module:
    """SVD's CLIP vision encoder, `CLIPVisionModelWithProjection`."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(**architecture.clip_config(weights, sidecar))
    own = {key: value for key, value in weights.items() if not key.endswith("position_ids")}
    return _filled(lambda: CLIPVisionModelWithProjection(config), own, dtype)


def build_whisper(weights: Weights, sidecar: Sidecar = None, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The encoder half of Whisper; the decoder's weights are passed over."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    own = {
        key.removeprefix("model.").removeprefix("encoder."): v for key, v in weights.items() if "decoder." not in key
    }
    own.pop("proj_out.weight", None)
    config = WhisperConfig(**architecture.whisper_config(own, sidecar))
    return _filled(lambda: WhisperEncoder(config), own, dtype)


def build_ifnet(weights: Weights, dtype: torch.dtype = torch.float32) -> IFNet:
    """RIFE's network from `flownet.pkl`, with or without the `module.` prefix; the unused teacher block is left out."""
    own = {key.removeprefix("module."): value for key, value in weights.items() if "block_tea" not in key}
    width = own["block0.conv0.1.0.weight"].shape[0] if "block0.conv0.1.0.weight" in own else 0
    return _filled(lambda: IFNet(width), own, dtype)


def _filled(make: Callable[[], nn.Module], weights: Weights, dtype: torch.dtype) -> nn.Module:
    """The module with these weights as its parameters, in `dtype`, in evaluation mode; every key and shape must fit."""
    with torch.device("meta"):
        module = make()
    _check(module, weights)
    module.load_state_dict({key: value.to(dtype) for key, value in weights.items()}, strict=True, assign=True)
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:  # not part of a checkpoint: CLIP's and Whisper's positions
            owner, _, attribute = name.rpartition(".")
            places = torch.arange(buffer.shape[-1], dtype=buffer.dtype).expand(buffer.shape).clone()
            module.get_submodule(owner).register_buffer(attribute, places, persistent=False)
    return module.eval().requires_grad_(False)


def _check(module: nn.Module, weights: Weights) -> None:
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})"
        for what, names in (
            ("tensors are missing", sorted(expected.keys() - weights.keys())),
            ("tensors are foreign", sorted(weights.keys() - expected.keys())),
            (
                "have another shape",
                sorted(k for k in expected.keys() & weights.keys() if expected[k] != tuple(weights[k].shape)),
            ),
        )
        if names
    ]
    if faults:
        raise ModelMissingError(f"these weights are not those of {type(module).__name__}: {'; '.join(faults)}")
