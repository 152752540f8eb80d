"""Weights in 8 bits: how far they are from the true ones, what they save, and that whatever uses them still works."""

from dataclasses import replace

import pytest
import torch
from sonic_samples import CONTEXT, TOKENS, UNET, portrait, seeded, speech
from torch import nn

from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser
from sonic_core.engines.sonic.eight_bit import (
    LAYERS,
    RELATIVE_ERROR,
    EightBit,
    bytes_in_8_bits,
    is_in_8_bits,
    module_bytes,
    store_in_8_bits,
)
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.engines.sonic.temporal_convolution import TemporalConv
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.runtime.devices import compiles_8_bit_floats
from sonic_core.settings import Settings

SETTINGS = Settings(min_resolution=256, inference_steps=1, framing="face")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [3.0, 1.0, 1e-3])
def test_every_weight_comes_back_within_a_sixteenth_or_a_trifle_of_its_channels_largest(dtype, size):
    torch.manual_seed(0)
    layer = nn.Linear(300, 40)
    weight = layer.weight.data = torch.randn(40, 300) * size * torch.logspace(-2, 0, 40)[:, None]
    error = (EightBit(layer).weight(dtype).float() - weight).abs()
    largest = weight.abs().amax(dim=1, keepdim=True)
    assert (error <= torch.maximum(RELATIVE_ERROR * weight.abs(), largest * 2**-17) + 2**-24).all()
    assert error.mean() < 0.03 * weight.abs().mean()


def test_scales_keep_small_weights_that_bare_e4m3_would_lose():
    layer = nn.Linear(64, 64)
    weight = layer.weight.data = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)) * 0.002
    bare = (weight.to(torch.float8_e4m3fn).float() - weight).abs().mean()
    scaled = (EightBit(layer).weight(torch.float32) - weight).abs().mean()
    assert scaled < 0.2 * bare


def test_a_channel_of_zeros_stays_zero():
    layer = nn.Linear(4, 2)
    layer.weight.data.zero_()
    assert torch.equal(EightBit(layer).weight(torch.float16), torch.zeros(2, 4, dtype=torch.float16))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(6, 5),
        lambda: nn.Conv2d(6, 5, 3, 2, 1),
        lambda: TemporalConv(6, 5, (3, 1, 1), padding=(1, 0, 0)),
    ],
)
def test_every_kind_of_layer_computes_as_before_with_the_weights_that_came_back(make):
    torch.manual_seed(1)
    layer = make()
    x = torch.randn(
        2, 6, *((8, 8) if isinstance(layer, nn.Conv2d) else (7, 4, 4) if isinstance(layer, TemporalConv) else ())
    )
    small = EightBit(make())
    small.layer.bias = layer.bias
    small.stored, small.scale = (b.clone() for b in EightBit(make_like(make, layer)).buffers())
    layer.weight.data = small.weight(torch.float32)
    assert torch.equal(small(x), layer(x))


def make_like(make, layer):
    other = make()
    other.load_state_dict(layer.state_dict())
    return other


def test_memory_is_what_was_counted_and_about_a_quarter_of_single_precision():
    unet = seeded(1, lambda: SonicUNet(**UNET))
    whole, expected = module_bytes(unet), bytes_in_8_bits(unet)
    store_in_8_bits(unet)
    assert module_bytes(unet) == expected
    assert expected < 0.3 * whole


def test_full_size_in_8_bits_is_half_of_half_precision():
    with torch.device("meta"):
        unet = SonicUNet().half()
    assert module_bytes(unet) / 2**30 == pytest.approx(2.935, abs=0.01)
    assert bytes_in_8_bits(unet) / 2**30 == pytest.approx(1.47, abs=0.01)


@torch.no_grad()
def test_the_unet_stays_near_and_can_be_asked_twice():
    frames, x = torch.arange(6), torch.randn(6, 4, 8, 16, generator=torch.Generator().manual_seed(6)) * 3
    conditions = Conditions(
        torch.randn(4, 8, 16), torch.randn(1, CONTEXT), torch.randn(6, TOKENS, CONTEXT), torch.randn(1, TOKENS, CONTEXT),
        torch.full((6, 2), 20.0), None,
    )  # fmt: skip
    unet = seeded(1, lambda: SonicUNet(**UNET))
    exact = SonicDenoiser(unet, conditions)(x, 2.0, frames, (2,))[0]
    for _ in range(2):
        store_in_8_bits(unet)
    assert unet.dtype == torch.float32
    assert not any(isinstance(m, LAYERS) and m.weight is not None for m in unet.modules())
    near = SonicDenoiser(unet, conditions)(x, 2.0, frames, (2,))[0]
    assert 0 < (near - exact).abs().mean() < 0.05 * exact.abs().mean()
    assert SonicDenoiser(unet.bfloat16(), conditions)(x, 2.0, frames, (2,))[0].isfinite().all()


@pytest.fixture
def plan_small(monkeypatch):
    """Say whether the next plans store the UNet in 8 bits."""
    plan = Mode.plan

    def choose(small):
        monkeypatch.setattr(Mode, "plan", lambda *args: replace(plan(*args), small_weights=small))

    return choose


def samples_of(engine):
    return engine.sample(engine.prepare(portrait(), speech(0.12), SETTINGS), SETTINGS).samples


def test_a_clip_that_needed_8_bits_leaves_no_trace_in_the_next_one(models, plan_small):
    engine = SonicEngine([models], device="cpu")
    plan_small(False)
    before = samples_of(engine)
    plan_small(True)
    assert not torch.equal(samples_of(engine), before)
    plan_small(False)
    assert torch.equal(samples_of(engine), before)
    assert not is_in_8_bits(engine.model.unet)


def test_networks_without_a_file_stay_in_8_bits_and_the_log_says_so(models, plan_small, caplog):
    engine = SonicEngine(device="cpu", model=replace(SonicEngine([models], device="cpu").model, read_unet=None))
    plan_small(True)
    small = samples_of(engine)
    plan_small(False)
    assert torch.equal(samples_of(engine), small)
    assert "stay in 8 bits" in caplog.text


@pytest.mark.parametrize(
    ("capability", "compiles"), [((7, 5), False), ((8, 6), False), ((8, 9), True), ((12, 0), True)]
)
def test_compiled_code_reads_8_bits_from_ada_on(monkeypatch, capability, compiles):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert compiles_8_bit_floats(torch.device("cuda")) == compiles
    assert compiles_8_bit_floats(torch.device("cpu"))


def test_where_8_bits_cannot_be_compiled_the_clip_is_made_without_compiling(models, plan_small, monkeypatch, caplog):
    # Marked as compiled and called as they are: test_sonic_compile.py has the graphs.
    compile_module = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile_module(self, disable=True))
    monkeypatch.setattr("sonic_core.engines.sonic.unet_storage.compiles_8_bit_floats", lambda device: False)
    engine = SonicEngine([models], device="cpu", compile=True)
    plan_small(False)
    samples_of(engine)
    assert compiled(engine)
    plan_small(True)
    assert torch.isfinite(samples_of(engine)).all()
    assert not compiled(engine)
    assert "is not compiled" in caplog.text


def compiled(engine):
    return any(module._compiled_call_impl is not None for module in engine.model.unet.modules())
