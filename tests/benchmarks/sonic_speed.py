"""Presets of the sonic engine against plain mode (the published code's order of work) on a network of 0.25 billion parameters.

Widths are 0.4 of the published UNet's, everything else is as published: 25 frames, 3 branches, 32 audio tokens of 1024 numbers, 25 steps.
CPU time of this process on one thread.  Work per step does not depend on the step in plain mode and in `exact`: three steps are
run and multiplied; the other presets run whole.
"""

import time

import torch

from sonic_core.diffusion.guidance import three_branch, within
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import karras_sigmas
from sonic_core.diffusion.windows import OpenWindows
from sonic_core.engines.sonic.attention import audio_attentions
from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser
from sonic_core.engines.sonic.presets import PRESETS
from sonic_core.engines.sonic.savings import PlannedPredictions, in_groups, plan_steps
from sonic_core.engines.sonic.unet import SonicUNet

from .sonic_plain import PlainDenoiser, make_exact
from .table import Row

TITLE = "Sonic presets against plain mode (CPU, one thread)"
FRAMES, STEPS, SAMPLED_STEPS, SIDE = 25, 25, 3, 16
TARGETS = {"exact": 1.15, "balanced": 2.0, "fast": 4.0, "preview": None}


def measure():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    unet = SonicUNet(block_out_channels=(128, 256, 512, 512), num_attention_heads=(2, 4, 8, 8)).eval()
    conditions, x = _conditions(), torch.randn(FRAMES, 4, SIDE, SIDE) * 700
    processors = [processor for _, processor in audio_attentions(unet)]

    few = karras_sigmas(SAMPLED_STEPS)
    with torch.no_grad():
        PlainDenoiser(unet, conditions)(x, 1.0, torch.arange(FRAMES), (0, 1, 2))
    plain_seconds, plain = _timed(PlainDenoiser(unet, conditions), x, few)
    plain_seconds *= STEPS / SAMPLED_STEPS
    make_exact(unet, processors)
    seconds, exact = _timed(SonicDenoiser(unet, conditions, together=False), x, few)
    times = {"exact": seconds * STEPS / SAMPLED_STEPS}
    for name, preset in PRESETS.items():
        if name != "exact":
            times[name] = _run(preset, unet, conditions, x)
    return [
        Row("plain mode, 25 steps", plain_seconds, "s"),
        Row("exact: largest difference from plain mode", (exact - plain).abs().max().item(), "", 1e-3),
        *(Row(f"{n}: times faster", plain_seconds / t, "x", TARGETS[n], at_least=True) for n, t in times.items()),
    ]


def _conditions():
    mask = torch.zeros(1, 1, 8 * SIDE, 8 * SIDE)
    mask[..., 2 * SIDE : 6 * SIDE, 2 * SIDE : 6 * SIDE] = 1
    return Conditions(
        image_latent=torch.randn(4, SIDE, SIDE),
        clip=torch.randn(1, 1024),
        audio=torch.randn(FRAMES, 32, 1024),
        silence=torch.randn(1, 32, 1024),
        buckets=torch.rand(FRAMES, 2) * 30,
        mask=mask,
    )


def _run(preset, unet, conditions, x):
    sigmas = karras_sigmas(preset.steps(STEPS))
    denoiser = SonicDenoiser(unet, conditions, together=False, keep_deep=preset.substeps > 1)
    predict = PlannedPredictions(denoiser, plan_steps(sigmas, preset), len(conditions))
    return _timed(predict, x, sigmas, preset.guidance_floor, preset.substeps)[0]


@torch.no_grad()
def _timed(predict, x, sigmas, floor=0.0, substeps=1):
    scales = (within(scale, floor, float("inf")) for scale in (2.0, 7.5))
    denoise, levels = in_groups(three_branch(predict, *scales), sigmas, substeps)
    start = time.process_time()
    latents = sample_euler(denoise, x, levels, OpenWindows(FRAMES))
    return time.process_time() - start, latents
