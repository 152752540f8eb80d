"""The path that a GPU takes, without one: the whole engine in half precision on torch's meta device, where shapes, devices and precisions
are real and numbers are not; a mode watches that no operation mixes devices, and what comes back to the CPU is zeros."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sonic_samples import networks, portrait, speech
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from sonic_core.engines.sonic.decoding import ChunkedDecoder
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.errors import SettingsError
from sonic_core.runtime.devices import check_compiler, free_memory, sustained_rate, usable_device, working_dtype
from sonic_core.settings import Settings

SETTINGS = Settings(min_resolution=256, inference_steps=3, framing="face")
aten = torch.ops.aten
COPIES = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}


class OneDevice(TorchDispatchMode):
    """Raises where an operation gets tensors of two devices; indices and single numbers may stay on the CPU, as on CUDA."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is aten._local_scalar_dense.default and args[0].is_meta:
            return torch.ones((), dtype=args[0].dtype).item()
        if func in COPIES:
            if func is aten._to_copy.default and args[0].is_meta and str(kwargs.get("device")) == "cpu":
                return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
            return func(*args, **kwargs)
        checked = (args[0], *args[2:]) if func in INDEXING else (args, kwargs)
        tensors = [t for t in tree_flatten(checked)[0] if isinstance(t, torch.Tensor) and t.ndim]
        assert len({t.device.type for t in tensors}) <= 1, f"{func} mixes devices"
        return func(*args, **kwargs)


def planned(monkeypatch, together):
    """Plans with all branches in one pass or one after the other, of a device that has no room for UNet and VAE at once."""
    plan = Mode.plan
    monkeypatch.setattr(Mode, "plan", lambda *args: replace(plan(*args), together=together, unload_unet=True))


def clip_of(engine, **settings):
    wanted = replace(SETTINGS, **settings)
    with OneDevice():
        conditioning = engine.prepare(portrait(), speech(0.12), wanted)
        pictures = []

        def progress(stage, done, total, preview=None):
            if preview:
                pictures.append(preview())

        latents = engine.sample(conditioning, wanted, progress)
        assert len(pictures) >= 1
        frames = list(engine.decode(conditioning, latents))
        engine.rest()
    assert latents.samples.device.type == "cpu"
    assert latents.samples.dtype == torch.float32
    assert len(frames) == 3
    return frames


@pytest.mark.parametrize(
    ("options", "together", "steps"),
    [
        ({"preset": "exact"}, True, 1),
        ({"preset": "balanced"}, False, 3),
        ({"preset": "fast"}, True, 3),
        ({"reference": True}, True, 1),
        ({"fp8": True}, False, 1),
        ({"precision": "bf16"}, False, 1),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value),
)
def test_no_operation_mixes_devices_or_precisions(models, options, together, steps, monkeypatch):
    """Steps of `exact` and what is derived from it differ in nothing but numbers."""
    planned(monkeypatch, together)
    engine = SonicEngine([models], device="meta", **options)
    assert engine.dtype == (torch.bfloat16 if "precision" in options else torch.float16)
    clip_of(engine, inference_steps=steps)


def test_the_watch_sees_a_tensor_left_behind():
    layer = torch.nn.Linear(4, 4, device="meta")
    layer.weight = torch.nn.Parameter(torch.zeros(4, 4))
    with OneDevice(), pytest.raises(AssertionError, match="mixes devices"):
        layer(torch.zeros(2, 4, device="meta"))


def test_a_clip_after_a_rest_works_again(models, monkeypatch):
    planned(monkeypatch, together=True)
    engine = SonicEngine([models], device="meta")
    clip_of(engine, inference_steps=1)
    assert {p.device.type for p in engine.model.unet.parameters()} == {"cpu"}
    clip_of(engine, inference_steps=1)


@torch.no_grad()
def test_a_picture_that_overflows_half_precision_is_decoded_again_in_single(caplog):
    vae = networks()["vae"].half()
    with torch.no_grad():
        vae.decoder.conv_in.weight.mul_(3e4)
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 10
    frames = torch.stack(list(ChunkedDecoder(vae, 8, 0)(latents)))
    assert frames.isfinite().all()
    assert "Half precision overflows" in caplog.text


def test_precision_follows_the_device_unless_it_is_chosen():
    assert working_dtype(None, torch.device("cpu")) == torch.float32
    assert working_dtype(None, torch.device("cuda")) == working_dtype(None, torch.device("mps")) == torch.float16
    assert working_dtype("bf16", torch.device("cpu")) == torch.bfloat16


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match="device is 'abacus'"):
        usable_device("abacus")
    assert usable_device("cpu").type == "cpu"


def test_what_pytorch_has_cached_on_a_gpu_is_free_and_what_others_hold_is_not(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3e9, 8e9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 4e9)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2.5e9)
    assert free_memory(torch.device("cuda")) == 4.5e9


def test_fp8_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr("sonic_core.engines.sonic.estimating.usable_device", lambda name: torch.device("mps"))
    with pytest.raises(SettingsError, match="mps has no 8-bit floats"):
        Mode.of(device="mps", fp8=True)


def test_compiling_for_a_gpu_without_triton_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "triton" else object())
    with pytest.raises(SettingsError, match="triton-windows"):
        check_compiler(torch.device("cuda"))
    check_compiler(torch.device("cpu"))


def test_reference_stands_alone():
    for other in ({"preset": "fast"}, {"fp8": True}):
        with pytest.raises(SettingsError, match="reference"):
            Mode.of(reference=True, device="cpu", **other)


def test_the_rate_of_this_machine_is_a_positive_number():
    assert np.isfinite(sustained_rate(torch.device("cpu"), torch.float32))
    assert sustained_rate(torch.device("cpu"), torch.float32) > 1e8


def test_a_first_product_that_is_slow_tells_the_rate_of_a_cpu_alone(monkeypatch):
    def rate(device, *seconds):
        taken = iter(seconds)
        monkeypatch.setattr("sonic_core.runtime.devices._seconds_of_product", lambda *_: next(taken))
        return sustained_rate(torch.device(device), torch.float16)

    assert rate("cpu", 0.5) == 256**3 / 0.5
    assert rate("meta", 0.5, 0.02, 0.01) == 4096**3 / 0.01
