"""What the stages allocate is what the plan said: counted at full size on the meta device, measured on the CPU with a medium model."""

import json
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from live_bytes import LiveBytes

from sonic_core.engines.sonic.building import published_vae_and_clip
from sonic_core.engines.sonic.decoding import VaeDecode, encode_picture
from sonic_core.engines.sonic.denoiser import ALL, NOTHING, PICTURE, Conditions, SonicDenoiser
from sonic_core.engines.sonic.eight_bit import module_bytes, store_in_8_bits
from sonic_core.engines.sonic.estimating import WINDOW, sizes_of
from sonic_core.engines.sonic.loading import networks_on_meta
from sonic_core.engines.sonic.planning import GIB, RESERVE, Place, plans
from sonic_core.engines.sonic.unet import SonicUNet

HALF = torch.float16
CLOSE = 0.10
UNIT_TESTS = Path(__file__).parent


def without_scores(query, key, value, **_):
    """Attention as the kernels for GPUs do it: no scores in memory."""
    return torch.empty_like(query)


def on_meta(dtype):
    """UNet, VAE and CLIP of the published size, some of whose single numbers are made on the CPU whatever one asks for."""
    return tuple(torch.nn.Module.to(network, "meta").eval() for network in networks_on_meta({}, dtype))


@pytest.fixture(scope="module")
def full_size():
    return on_meta(HALF)


def ways(full_size, side):
    return plans(sizes_of(*full_size), (side, side), WINDOW, Place(2))


def sampling(unet, side, together):
    """Bytes of weights and live tensors in a window under all three conditions."""
    conditions = Conditions(
        image_latent=torch.zeros(4, side, side),
        clip=torch.zeros(1, 1024),
        audio=torch.zeros(WINDOW, 32, 1024),
        silence=torch.zeros(1, 32, 1024),
        buckets=torch.zeros(WINDOW, 2),
        mask=torch.zeros(1, 1, 8 * side, 8 * side),
    )
    x = torch.empty(WINDOW, 4, side, side, device="meta")
    # One by one, each branch takes what any takes; one tells.
    branches = (NOTHING, PICTURE, ALL) if together else (ALL,)
    with mock.patch.object(F, "scaled_dot_product_attention", without_scores), LiveBytes(unet) as live:
        SonicDenoiser(unet, conditions, together)(x, 1.0, np.arange(WINDOW), branches)
    unet.unload_context()
    return module_bytes(unet) + live.peak


@pytest.mark.parametrize(
    ("side", "together", "chunked"),
    [
        (64, True, False),
        (64, False, False),
        (64, False, True),
        pytest.param(96, True, False, marks=pytest.mark.slow),
        pytest.param(96, False, False, marks=pytest.mark.slow),
        pytest.param(96, False, True, marks=pytest.mark.slow),
        pytest.param(128, True, False, marks=pytest.mark.slow),
        pytest.param(128, False, False, marks=pytest.mark.slow),
        (128, False, True),
    ],
)
def test_sampling_takes_what_the_plan_said(full_size, side, together, chunked):
    (plan, *_) = (
        way
        for way in ways(full_size, side)
        if (way.together, way.chunked, way.small_weights) == (together, chunked, False)
    )
    unet = full_size[0]
    unet.chunk_feed_forward(chunked)
    counted = sampling(unet, side, together)
    unet.chunk_feed_forward(False)
    assert counted == pytest.approx(plan.sampling - RESERVE, rel=CLOSE)


def test_sampling_with_weights_in_8_bits_takes_what_the_plan_said(full_size):
    (plan, *_) = (way for way in ways(full_size, 64) if way.small_weights)
    with torch.device("meta"):
        unet = torch.nn.Module.to(SonicUNet(), HALF)
    unet = unet.to("meta").eval()
    store_in_8_bits(unet)
    unet.chunk_feed_forward(True)
    assert sampling(unet, 64, False) == pytest.approx(plan.sampling - RESERVE, rel=CLOSE)


@pytest.mark.parametrize(("side", "chunk", "unload"), [(64, 8, False), (64, 8, True), (64, 4, True), (128, 2, True)])
@torch.no_grad()
def test_decoding_takes_what_the_plan_said(full_size, side, chunk, unload):
    (plan, *_) = (way for way in ways(full_size, side) if (way.decode_chunk, way.unload_unet) == (chunk, unload))
    unet, vae, _ = full_size
    with mock.patch.object(F, "scaled_dot_product_attention", without_scores), LiveBytes(vae) as live:
        latents = torch.empty(chunk, 4, side, side, device="meta")
        with mock.patch.object(torch.Tensor, "isfinite", return_value=torch.ones(1, dtype=torch.bool)):
            VaeDecode(vae)(latents)
    counted = live.peak + module_bytes(vae) + (0 if unload else module_bytes(unet))
    assert counted == pytest.approx(plan.decoding - RESERVE, rel=CLOSE)


@pytest.mark.parametrize("side", [64, 128])
@torch.no_grad()
def test_encoding_takes_what_the_plan_said(full_size, side):
    plan = ways(full_size, side)[0]
    _, _, clip = full_size
    with torch.device("meta"):
        vae, _ = published_vae_and_clip(torch.float32)
    vae = torch.nn.Module.to(vae, "meta").eval()
    counted = []
    with mock.patch.object(F, "scaled_dot_product_attention", without_scores):
        with LiveBytes(vae) as live:
            encode_picture(vae, torch.empty(1, 3, 8 * side, 8 * side, device="meta"))
        counted.append(live.peak + module_bytes(vae))
        with LiveBytes(clip) as live:
            clip(torch.empty(1, 3, 224, 224, dtype=HALF, device="meta"))
        counted.append(live.peak + module_bytes(clip))
    assert max(counted) == pytest.approx(plan.encoding - RESERVE, rel=CLOSE)


MEDIUM = """
import json, sys
from pathlib import Path
import numpy as np, torch
from diffusers import AutoencoderKLTemporalDecoder
from sonic_core.engines.sonic.decoding import VaeDecode
from sonic_core.engines.sonic.denoiser import ALL, Conditions, SonicDenoiser
from sonic_core.engines.sonic.eight_bit import module_bytes
from sonic_core.engines.sonic.estimating import WINDOW, sizes_of
from sonic_core.engines.sonic.planning import Place, plans
from sonic_core.engines.sonic.temporal_convolution import use_fast_temporal_convolutions
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.bench.process import peak_memory_mb

side = 16
unet = SonicUNet(block_out_channels=(128, 256, 512, 512), num_attention_heads=(2, 4, 8, 8)).eval().requires_grad_(False)
vae = AutoencoderKLTemporalDecoder(
    block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=2
)
use_fast_temporal_convolutions(vae.eval().requires_grad_(False))
clip, that_hear = torch.nn.Linear(1024, 1024), [torch.nn.Linear(1024, 1024)]
place = Place(4, may_batch=False, small_weights=False, on_host=True)
plan = plans(sizes_of(unet, vae, clip, that_hear), (side, side), WINDOW, place)[0]
conditions = Conditions(
    torch.randn(4, side, side), torch.randn(1, 1024), torch.randn(WINDOW, 32, 1024), torch.randn(1, 32, 1024),
    torch.full((WINDOW, 2), 20.0), torch.ones(1, 1, 8 * side, 8 * side),
)
x = torch.randn(WINDOW, 4, side, side)
SonicDenoiser(unet, conditions, together=False)(x, 1.0, np.arange(WINDOW), (ALL,))
sampling = peak_memory_mb()
VaeDecode(vae)(x[: plan.decode_chunk])
print(json.dumps({"planned": [plan.sampling / 2**20, plan.peak / 2**20], "measured": [sampling, peak_memory_mb()]}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux")
def test_a_medium_model_on_the_cpu_takes_what_the_plan_said():
    command = [sys.executable, "-c", MEDIUM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=UNIT_TESTS.parents[1])
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["measured"] == pytest.approx(told["planned"], rel=CLOSE)
    assert told["planned"][1] > 1.5 * GIB / 2**20
