"""Stable Video Diffusion's single file (`svd_xt.safetensors`): its VAE and CLIP vision under the names of diffusers and transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

DECODER = "first_stage_model."
ENCODERS = (
    "conditioner.embedders.3.encoder.",
    DECODER,
)  # the encoder that conditions the video; older files keep only the other
CLIP = "conditioner.embedders.0.open_clip.model.visual."

_RESNET = (
    (r"norm1", "norm1"),
    (r"conv1", "conv1"),
    (r"norm2", "norm2"),
    (r"conv2", "conv2"),
    (r"nin_shortcut", "conv_shortcut"),
)
_TEMPORAL = (("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("out_layers.0", "norm2"), ("out_layers.3", "conv2"))
_ATTENTION = (("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0"))
_CLIP_LAYER = (
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("attn.out_proj", "self_attn.out_proj"),
)


def wanted(key: str) -> str | None:
    """The key itself where it belongs to the VAE or to CLIP vision, None for the text side and the UNet, which are left in the file."""
    return key if key.startswith((*ENCODERS, CLIP)) else None


def vae_weights(file: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `AutoencoderKLTemporalDecoder` from a single file."""
    source = next(p for p in ENCODERS if f"{p}encoder.conv_in.weight" in file)
    levels = len({m.group(1) for k in file if (m := re.match(re.escape(source) + r"encoder\.down\.(\d+)\.", k))})
    weights = {}
    for key, value in file.items():
        if key.startswith((f"{source}encoder.", f"{source}quant_conv.")):
            name = key.removeprefix(source)
        elif key.startswith(f"{DECODER}decoder."):
            name = key.removeprefix(DECODER)
        else:
            continue
        new = _vae_name(name, levels)
        weights[new] = value[..., 0, 0] if ".attentions." in new and value.ndim == 4 else value
    if "quant_conv.weight" not in weights:
        channels = 2 * weights["decoder.conv_in.weight"].shape[1]
        like = weights["decoder.conv_in.weight"]
        weights["quant_conv.weight"] = torch.eye(channels, dtype=like.dtype)[..., None, None]
        weights["quant_conv.bias"] = torch.zeros(channels, dtype=like.dtype)
    return weights


def clip_weights(file: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `CLIPVisionModelWithProjection` from OpenCLIP's names in a single file."""
    weights = {}
    for key, value in file.items():
        if key.startswith(CLIP):
            weights.update(_clip_entry(key.removeprefix(CLIP), value))
    return weights


def _vae_name(name: str, levels: int) -> str:
    side, _, rest = name.partition(".")
    if side == "quant_conv":
        return name
    for simple, new in (
        ("norm_out.", "conv_norm_out."),
        ("conv_out.time_mix_conv.", "time_conv_out."),
        ("conv_in.", "conv_in."),
        ("conv_out.", "conv_out."),
    ):
        if rest.startswith(simple):
            return f"{side}.{new}{rest.removeprefix(simple)}"
    temporal = side == "decoder"
    if m := re.fullmatch(r"mid\.block_(\d)\.(.+)", rest):
        return f"{side}.mid_block.resnets.{int(m[1]) - 1}.{_resnet_name(m[2], temporal)}"
    if m := re.fullmatch(r"mid\.attn_1\.(\w+)\.(\w+)", rest):
        return f"{side}.mid_block.attentions.0.{dict(_ATTENTION)[m[1]]}.{m[2]}"
    if m := re.fullmatch(r"down\.(\d+)\.block\.(\d+)\.(.+)", rest):
        return f"{side}.down_blocks.{m[1]}.resnets.{m[2]}.{_resnet_name(m[3], temporal)}"
    if m := re.fullmatch(r"down\.(\d+)\.downsample\.(.+)", rest):
        return f"{side}.down_blocks.{m[1]}.downsamplers.0.{m[2]}"
    if m := re.fullmatch(r"up\.(\d+)\.block\.(\d+)\.(.+)", rest):
        return f"{side}.up_blocks.{levels - 1 - int(m[1])}.resnets.{m[2]}.{_resnet_name(m[3], temporal)}"
    if m := re.fullmatch(r"up\.(\d+)\.upsample\.(.+)", rest):
        return f"{side}.up_blocks.{levels - 1 - int(m[1])}.upsamplers.0.{m[2]}"
    return name


def _resnet_name(rest: str, temporal: bool) -> str:
    if rest == "mix_factor":
        return "time_mixer.mix_factor"
    if rest.startswith("time_stack."):
        layer, _, kind = rest.removeprefix("time_stack.").rpartition(".")
        return f"temporal_res_block.{dict(_TEMPORAL)[layer]}.{kind}"
    layer, _, kind = rest.rpartition(".")
    return f"{'spatial_res_block.' * temporal}{dict(_RESNET)[layer]}.{kind}"


def _clip_entry(name: str, value: Tensor) -> dict[str, Tensor]:
    if name == "proj":
        return {"visual_projection.weight": value.T.contiguous()}
    simple = {
        "class_embedding": "embeddings.class_embedding",
        "positional_embedding": "embeddings.position_embedding.weight",
        "conv1.weight": "embeddings.patch_embedding.weight",
    }
    if name in simple:
        return {f"vision_model.{simple[name]}": value}
    if m := re.fullmatch(r"ln_(pre|post)\.(\w+)", name):
        return {f"vision_model.{'pre_layrnorm' if m[1] == 'pre' else 'post_layernorm'}.{m[2]}": value}
    if m := re.fullmatch(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(\w+)", name):
        layer = f"vision_model.encoder.layers.{m[1]}.self_attn"
        return {f"{layer}.{p}_proj.{m[2]}": part for p, part in zip("qkv", value.chunk(3), strict=True)}
    if m := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)\.(\w+)", name):
        return {f"vision_model.encoder.layers.{m[1]}.{dict(_CLIP_LAYER)[m[2]]}.{m[3]}": value}
    return {name: value}
