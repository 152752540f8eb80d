"""UNet with audio attention, its mask, the two audio nets and RIFE against the published code."""

import pytest
import torch
from parity_fixtures import WEIGHT, audio_net, cases, close, fixtures, info, network, tensors, weights

from sonic_core.between.flownet import build_ifnet
from sonic_core.engines.sonic.attention import AttentionContext, audio_attentions, mask_on_grid
from sonic_core.engines.sonic.audio_nets import motion_buckets
from sonic_core.engines.sonic.building import build_unet

VARIANTS = {
    "output": {},
    "output_no_mask": {"mask": None},
    "output_zero_audio": {"silent": True},
    "output_ip_scale_0p5": {"scale": 0.5},
    "output_clip_per_batch": {"clip": "clip_per_batch"},
}


def unet_cases():
    for name in fixtures("b_unet"):
        for case in info(name)["cases"]:
            for key in tensors(name):
                if key.startswith(f"{case}.output"):
                    yield name, case, key.removeprefix(f"{case}.")


@cases(unet_cases())
@torch.no_grad()
def test_unet(case):
    name, shape, output = case
    entry, variant = info(name)["cases"][shape], VARIANTS[output]

    def stored(key):
        return tensors(name)[f"{shape}.{key}"]

    batch, frames = entry["batch"], entry["frames"]
    clip, audio = stored(variant.get("clip", "clip")), stored("audio").unflatten(0, (batch, frames))
    if variant.get("silent"):
        audio = torch.zeros_like(audio)
    context = AttentionContext(
        clip=list(clip.view(batch, -1, clip.shape[-1])),
        audio=list(audio),
        mask=stored("mask") if variant.get("mask", True) else None,
        frames=frames,
        size=tuple(entry["latent"]),
    )
    stem = info(name)["weights_file"].removesuffix(".safetensors")
    unet = build_unet(weights(stem), {**info(stem)["config"], "ip_scale": [variant.get("scale", 1.0)]})
    close(unet(stored("sample"), stored("timestep"), stored("added_time_ids"), context), stored(output), 1e-5)


def traced():
    return [(n, c) for n in fixtures("b_unet") for c, entry in info(n)["cases"].items() if "trace" in entry]


@cases(traced())
@torch.no_grad()
def test_unet_module_by_module(case):
    """Statistics of every module's output that the published code has under the same name."""
    name, shape = case
    entry, seen = info(name)["cases"][shape], {}
    stored = {key.removeprefix(f"{shape}."): value for key, value in tensors(name).items()}
    batch, frames = entry["batch"], entry["frames"]
    unet = network("unet")

    def keep(key):
        def hook(module, args, output):
            seen.setdefault(key, output[0] if isinstance(output, tuple) else output)

        return hook

    hooks = [m.register_forward_hook(keep(key)) for key, m in unet.named_modules() if key in entry["trace"]]
    context = AttentionContext(
        clip=list(stored["clip"].view(batch, -1, stored["clip"].shape[-1])),
        audio=list(stored["audio"].unflatten(0, (batch, frames))),
        mask=stored["mask"],
        frames=frames,
        size=tuple(entry["latent"]),
    )
    try:
        unet(stored["sample"], stored["timestep"], stored["added_time_ids"], context)
    finally:
        for hook in hooks:
            hook.remove()
    same = {key: value for key, value in seen.items() if list(value.shape) == entry["trace"][key]["shape"]}
    # Cross-attentions are computed in another order, and the last block runs layer by layer.
    otherwise = [key for key in entry["trace"] if ".attn2" in key or key == f"up_blocks.{len(unet.up_blocks) - 1}"]
    assert entry["trace"].keys() - same.keys() <= set(otherwise)
    for key, value in same.items():
        expected = entry["trace"][key]
        assert value.mean().item() == pytest.approx(expected["mean"], abs=1e-5), key
        assert value.abs().max().item() == pytest.approx(expected["absmax"], abs=1e-4), key
        first = value.flatten()[: len(expected["first"])].tolist()
        assert first == pytest.approx(expected["first"], abs=1e-4), key


@cases((name,) for name in fixtures("unet_weights"))
def test_every_audio_attention_is_loaded_from_the_checkpoint(case):
    unet, stored = network("unet"), weights("unet_weights")
    loaded = unet.state_dict()
    assert all(torch.equal(loaded[key], stored[key]) for key in stored)
    assert len(audio_attentions(unet)) == sum("to_k_ip" in key for key in stored)


def mask_cases():
    return [(name, case) for name in fixtures("b_mask") for case in info(name)["cases"]]


@cases(mask_cases())
def test_mask_on_the_attention_grid(case):
    name, key = case
    mask = tensors(name)[f"{key}.mask_u8"].float()[None, None] / 255
    expected = tensors(name)[f"{key}.out"]
    close(mask_on_grid(mask, info(name)["cases"][key]["num_queries"]), expected, 1e-6)


def adapter_cases(kind, suffix):
    names = (key for key in tensors("a_audio_adapters") if key.startswith(f"{kind}.") and key.endswith(suffix))
    return [(key.split(".")[1],) for key in names] if fixtures("a_audio_adapters") else []


@cases(adapter_cases("audio2token", ".output"))
@torch.no_grad()
def test_audio_tokens(case):
    stored, key = tensors("a_audio_adapters"), f"audio2token.{case[0]}"
    tokens = audio_net("audio2token")(stored[f"{key}.input"].flatten(0, 1))
    close(tokens, stored[f"{key}.output"].flatten(0, 1), 1e-5)


@cases(adapter_cases("audio2bucket", ".bucket"))
@torch.no_grad()
def test_motion_buckets(case):
    stored, key = tensors("a_audio_adapters"), f"audio2bucket.{case[0]}"
    raw = audio_net("audio2bucket")(stored[f"{key}.audio"].flatten(0, 1), stored[f"{key}.clip"])
    close(raw.view_as(stored[f"{key}.output"]), stored[f"{key}.output"], 1e-5)
    close(motion_buckets(raw).view_as(stored[f"{key}.bucket"]), stored[f"{key}.bucket"], 1e-4)


def rife_cases():
    return [(name, case) for name in fixtures("e_rife") for case in [*info(name)["cases"], "clip"]]


@cases(rife_cases())
@torch.no_grad()
def test_middle_frames(case):
    name, key = case
    net, stored = build_ifnet(weights(name, WEIGHT)), tensors(name)
    if key == "clip":
        frames = stored["clip.in"]
        middles = [net(a, b) for a, b in zip(frames.unbind(2), frames.unbind(2)[1:], strict=False)]
        close(torch.stack(middles, dim=2), stored["clip.middles"], 1e-4)
    else:
        pair = stored[f"{key}.img0"], stored[f"{key}.img1"]
        close(net(*pair), stored[f"{key}.middle"], 1e-4)
        _, mask, flow = net.flow(*pair)
        close(flow, stored[f"{key}.flow2"], 1e-3)
        close(torch.sigmoid(mask), stored[f"{key}.mask"], 1e-4)
