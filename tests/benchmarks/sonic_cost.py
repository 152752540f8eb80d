"""Work and memory of the full-size UNet, counted on meta tensors: nothing is computed, nothing is loaded.

FLOPs: convolutions, matrix products and attention, one multiply-add = 2.  Peak: live bytes operation by operation in half precision,
weights left out, attention without materialised scores.
"""

from unittest import mock

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLTemporalDecoder
from torch.utils.flop_counter import FlopCounterMode

from sonic_core.diffusion.windows import CircularWindows
from sonic_core.engines.sonic.attention import AttentionContext, audio_attentions
from sonic_core.engines.sonic.planning import GIB, MemoryPlan
from sonic_core.engines.sonic.presets import PRESETS
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.engines.sonic.work_count import estimate, pass_flops

from ..unit.live_bytes import LiveBytes
from .table import Row

TITLE = "Sonic at full size: counted work and memory"
FRAMES, STEPS, SIDES = 25, 25, (64, 96, 128)
NO_PLAN = MemoryPlan(True, False, False, False, 8, 0)


def measure():
    with torch.device("meta"):
        unet = SonicUNet().half().to("meta")
    rows = [_weights(unet)]
    for side in SIDES:
        rows += _work(unet, side)
    for chunked in (False, True):
        if chunked:
            unet.enable_forward_chunking(1, 0)
        for side in SIDES:
            rows += [
                Row(f"{8 * side} px: peak, {_words(branches, chunked)}", _peak(unet, branches, side) / GIB, "GiB")
                for branches in (3, 1)
            ]
    peak = _peak(unet, 1, 64)
    rows.append(Row("512 px: weights of all networks + chunked sequential pass", (4.7 * GIB + peak) / GIB, "GiB", 8))
    return rows


def _words(branches, chunked):
    return f"{'branches together' if branches == 3 else 'one branch'}{', feed-forward chunked' * chunked}"


def _weights(unet):
    with torch.device("meta"):
        vae = AutoencoderKLTemporalDecoder(
            block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=2
        )
    size = sum(2 * p.numel() for p in [*unet.parameters(), *vae.parameters()])
    return Row("weights of UNet and VAE in fp16", size / GIB, "GiB")


def _work(unet, side):
    with FlopCounterMode(display=False) as full:
        _call(unet, 1, side)
    keep = [torch.empty(FRAMES, unet.config.block_out_channels[0], side, side, dtype=torch.half, device="meta")]
    with FlopCounterMode(display=False) as shallow:
        _call(unet, 1, side, deep=keep[0])
    one, part = full.get_total_flops(), shallow.get_total_flops() / full.get_total_flops()
    plain = 3 * STEPS * (one + 3.81e8 * side**2)  # keys and values of the temporal context at every position
    rows = [
        Row(f"{8 * side} px: one branch of one window", one / 1e12, "TFLOP"),
        Row(f"{8 * side} px: closed form against count", abs(pass_flops(FRAMES, side**2) / one - 1) * 100, "%", 0.5),
        Row(f"{8 * side} px: share of a shallow pass", part, ""),
        Row(f"{8 * side} px: plain mode, per second of video", plain / 2 / 1e12, "TFLOP"),
    ]
    for preset in PRESETS.values():
        passes = estimate(FRAMES, (side, side), STEPS, preset, CircularWindows(FRAMES), FRAMES, NO_PLAN).passes
        rows.append(Row(f"{8 * side} px: {preset.name}, per second of video", passes * one / 2 / 1e12, "TFLOP"))
        rows.append(Row(f"{8 * side} px: {preset.name}, times less than plain", plain / (passes * one), "x"))
    return rows


def _peak(unet, branches, side):
    def without_scores(query, key, value, **_):
        return torch.empty_like(query)

    with mock.patch.object(F, "scaled_dot_product_attention", without_scores), LiveBytes(unet) as live:
        _call(unet, branches, side)
    for _, processor in audio_attentions(unet):
        processor.unload()
    return live.peak


@torch.no_grad()
def _call(unet, branches, side, deep=None):
    with torch.device("meta"):
        sample = torch.empty(branches, FRAMES, 8, side, side, dtype=torch.half)
        clip, silence, audio = (
            torch.empty(*s, dtype=torch.half) for s in ((1, 1024), (1, 32, 1024), (FRAMES, 32, 1024))
        )
        context = AttentionContext(
            clip=[clip] * branches,
            audio=[silence] * (branches - 1) + [audio],
            mask=torch.empty(1, 1, 8 * side, 8 * side),
            frames=FRAMES,
            size=(side, side),
        )
        inputs = sample, torch.empty(1), torch.empty(branches, 3), context
        return unet(*inputs) if deep is None else unet.forward_shallow(*inputs, deep)
