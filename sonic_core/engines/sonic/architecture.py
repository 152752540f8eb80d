"""Architectures read off the keys and shapes of a checkpoint; a sidecar config is asked only for what shapes cannot tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import ModelMissingError

Weights = Mapping[str, Tensor]
HEAD_WIDTH = 64  # of every published SVD; a sidecar's num_attention_heads says otherwise


def count(weights: Weights, pattern: str) -> int:
    """How many different numbers stand in the pattern's one group, over all keys: the length of a module list."""
    return len({m.group(1) for key in weights if (m := re.match(pattern, key))})


def unet_config(weights: Weights, sidecar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of `SonicUNet` for these weights."""
    levels = count(weights, r"down_blocks\.(\d+)\.")
    widths = tuple(
        _size(weights, f"down_blocks.{i}.resnets.0.spatial_res_block.conv1.weight", 0) for i in range(levels)
    )
    attends = [f"down_blocks.{i}.attentions.0.proj_in.weight" in weights for i in range(levels)]
    layers = count(weights, r"down_blocks\.0\.resnets\.(\d+)\.")
    depth = count(weights, r"mid_block\.attentions\.0\.transformer_blocks\.(\d+)\.")
    sidecar = sidecar or {}
    scale = sidecar.get("audio_scale", sidecar.get("ip_scale", 1.0))
    return {
        "audio_scale": float(scale[0] if isinstance(scale, (list, tuple)) else scale),
        "in_channels": _size(weights, "conv_in.weight", 1),
        "out_channels": _size(weights, "conv_out.weight", 0),
        "block_out_channels": widths,
        "down_block_types": tuple(f"{'CrossAttn' * a}DownBlockSpatioTemporal" for a in attends),
        "up_block_types": tuple(f"{'CrossAttn' * a}UpBlockSpatioTemporal" for a in reversed(attends)),
        "addition_time_embed_dim": _size(weights, "add_embedding.linear_1.weight", 1) // 3,
        "projection_class_embeddings_input_dim": _size(weights, "add_embedding.linear_1.weight", 1),
        "layers_per_block": layers,
        "cross_attention_dim": _size(weights, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", 1),
        "transformer_layers_per_block": depth,
        "num_attention_heads": tuple(sidecar.get("num_attention_heads", [w // HEAD_WIDTH for w in widths])),
        "num_frames": int(sidecar.get("num_frames", 25)),
    }


def vae_config(weights: Weights, sidecar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of `AutoencoderKLTemporalDecoder` for these weights."""
    levels = count(weights, r"encoder\.down_blocks\.(\d+)\.")
    widths = tuple(_size(weights, f"encoder.down_blocks.{i}.resnets.0.conv1.weight", 0) for i in range(levels))
    return {
        "in_channels": _size(weights, "encoder.conv_in.weight", 1),
        "out_channels": _size(weights, "decoder.conv_out.weight", 0),
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "block_out_channels": widths,
        "layers_per_block": count(weights, r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "latent_channels": _size(weights, "decoder.conv_in.weight", 1),
        "sample_size": int((sidecar or {}).get("sample_size", 768)),
        "scaling_factor": float((sidecar or {}).get("scaling_factor", 0.18215)),
    }


def clip_config(weights: Weights, sidecar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of transformers' `CLIPVisionConfig`; heads of 80 channels as in ViT-H unless the sidecar says otherwise."""
    sidecar = sidecar or {}
    width = _size(weights, "vision_model.embeddings.class_embedding", 0)
    patch = _size(weights, "vision_model.embeddings.patch_embedding.weight", 2)
    positions = _size(weights, "vision_model.embeddings.position_embedding.weight", 0)
    return {
        "hidden_size": width,
        "intermediate_size": _size(weights, "vision_model.encoder.layers.0.mlp.fc1.weight", 0),
        "num_hidden_layers": count(weights, r"vision_model\.encoder\.layers\.(\d+)\."),
        "num_attention_heads": int(sidecar.get("num_attention_heads", max(1, width // 80))),
        "image_size": int((positions - 1) ** 0.5) * patch,
        "patch_size": patch,
        "projection_dim": _size(weights, "visual_projection.weight", 0),
        "hidden_act": sidecar.get("hidden_act", "gelu"),
        "layer_norm_eps": float(sidecar.get("layer_norm_eps", 1e-5)),
    }


def whisper_config(weights: Weights, sidecar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments of transformers' `WhisperConfig` for the encoder in these weights (keys without a leading `encoder.`)."""
    sidecar = sidecar or {}
    width = _size(weights, "conv1.weight", 0)
    return {
        "d_model": width,
        "encoder_layers": count(weights, r"layers\.(\d+)\."),
        "encoder_attention_heads": int(sidecar.get("encoder_attention_heads", max(1, width // 64))),
        "encoder_ffn_dim": _size(weights, "layers.0.fc1.weight", 0),
        "num_mel_bins": _size(weights, "conv1.weight", 1),
        "max_source_positions": _size(weights, "embed_positions.weight", 0),
    }


def token_net_config(weights: Weights) -> dict[str, int]:
    """Arguments of `AudioToToken`."""
    width = _size(weights, "norm.weight", 0)
    hidden, inputs = weights["proj1.weight"].shape
    return {"inputs": inputs, "hidden": hidden, "tokens": _size(weights, "proj3.weight", 0) // width, "width": width}


def bucket_net_config(weights: Weights) -> dict[str, int]:
    """Arguments of `AudioToBucket`."""
    hidden, inputs = weights["proj1.weight"].shape
    return {"inputs": inputs, "hidden": hidden}


def _size(weights: Weights, key: str, axis: int) -> int:
    if key not in weights:
        raise ModelMissingError(f"these weights lack {key!r}, so they are not the network that is expected here")
    return weights[key].shape[axis]
