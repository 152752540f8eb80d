"""What happens when the device runs out of memory, or the power goes, in the middle of a clip."""

from dataclasses import replace
from itertools import groupby

import pytest
import torch
from sonic_samples import networks, portrait, short_windows, small_clip
from test_runtime_devices import OneDevice
from torch.utils._python_dispatch import TorchDispatchMode

from sonic_core.diffusion.schedule import karras_sigmas
from sonic_core.engines.base import Latents
from sonic_core.engines.latents_file import StepFile
from sonic_core.engines.sonic.decoding import ChunkedDecoder, VaeDecode
from sonic_core.engines.sonic.denoiser import starting_latents
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.engines.sonic.planning import GIB, Place
from sonic_core.engines.sonic.portrait_encoding import encode_portrait
from sonic_core.engines.sonic.sampling import Draw, noisy_start
from sonic_core.errors import SettingsError, SonicError
from sonic_core.runtime.devices import free_memory, is_out_of_memory
from sonic_core.settings import Settings

SETTINGS = Settings(min_resolution=256, inference_steps=2, framing="face")
SECONDS = 0.7  # 9 key frames: two windows of 5 at every step


class SmallDevice(TorchDispatchMode):
    """Raises as a GPU does where its memory ends: at the operations counted in `at`."""

    def __init__(self, *at):
        super().__init__()
        self.at, self.count = set(at), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        if self.count in self.at:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def like_a_gpu(monkeypatch):
    """Plans of a GPU with 8-bit weights and branches together, carried out on the CPU."""
    short_windows(monkeypatch)
    monkeypatch.setattr(Mode, "place", property(lambda self: Place(4, True, None, False)))


@pytest.fixture(scope="module")
def engine(models):
    return SonicEngine([models], device="cpu")


@pytest.fixture(scope="module")
def conditioning(engine):
    return small_clip(engine, SECONDS, SETTINGS)


def sampled(engine, conditioning, mode=None):
    """Latents and the passes that were reported."""
    passes = []
    with mode or SmallDevice():
        latents = engine.sample(conditioning, SETTINGS, lambda stage, done, total, preview=None: passes.append(done))
    return latents.samples, [done for done, _ in groupby(passes)]  # a slow machine tells the same again


def near(latents, whole):
    """Another order of additions; networks with random weights blow it up."""
    assert (latents - whole).abs().mean() < 0.02 * whole.abs().mean()


def test_sampling_goes_on_in_the_window_whose_memory_was_not_enough(engine, conditioning, caplog):
    counting = SmallDevice()
    whole, passes = sampled(engine, conditioning, counting)
    assert not caplog.records
    third = counting.count // 3
    latents, reported = sampled(engine, conditioning, SmallDevice(third, 2 * third))
    near(latents, whole)  # branches one by one, then feed-forward layers frame by frame
    assert reported == passes  # nothing is done twice
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "ran out of memory in sampling" in told[0]
    assert "branches one by one" in told[0]
    assert "feed-forward in chunks" in told[1]


@pytest.mark.parametrize("preset", ["fast"])
def test_presets_that_remember_go_on_too(models, preset, caplog):
    engine = SonicEngine([models], device="cpu", preset=preset)
    conditioning = small_clip(engine, SECONDS, SETTINGS)
    counting = SmallDevice()
    whole, passes = sampled(engine, conditioning, counting)
    latents, reported = sampled(engine, conditioning, SmallDevice(round(0.7 * counting.count)))
    assert reported == passes
    near(latents, whole)
    assert "ran out of memory" in caplog.text


def test_only_the_smallest_plan_fails_and_says_what_to_change(models, conditioning):
    engine = SonicEngine([models], device="cpu")
    with pytest.raises(SonicError, match=r"smallest plan \(.*UNet weights in 8 bits.*min_resolution"):
        sampled(engine, conditioning, SmallDevice(*range(2000, 10**6)))


def test_other_errors_are_not_taken_for_a_lack_of_memory(engine, conditioning, monkeypatch):
    def broken(*args):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(engine.model.unet, "forward", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        engine.sample(conditioning, SETTINGS)


def test_decoding_goes_on_with_the_frame_whose_memory_was_not_enough(engine, monkeypatch, caplog):
    conditioning = small_clip(engine, 2.4, SETTINGS)
    noise = torch.randn(len(conditioning.features.audio.tokens), 4, 8, 8, generator=torch.Generator().manual_seed(0))
    latents = Latents(noise, 12.5, "sonic")
    sizes = []
    decode = VaeDecode.__call__

    def limited(self, part):
        if len(part) > 4 and len(sizes) == 2:
            raise torch.OutOfMemoryError("out of memory")
        sizes.append(len(part))
        return decode(self, part)

    monkeypatch.setattr(VaeDecode, "__call__", limited)
    frames = list(engine.decode(conditioning, latents))
    assert len(frames) == conditioning.frame_count
    assert sizes[:2] == [8, 8]
    assert set(sizes[2:]) == {4}
    chunks = len(latents.samples) - 2 * 8 + 3 + 3  # what is left, with the frames that chunks share
    assert len(sizes[2:]) <= chunks
    assert "4 frames decoded at once" in caplog.text


def test_chunks_of_a_changed_size_meet_without_a_seam():
    vae = networks()["vae"]
    latents = torch.randn(30, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    calls = []

    def small_device(part):
        calls.append(8 if len(calls) < 2 else 4)
        return VaeDecode(vae)(part[: calls[-1]])

    whole = torch.stack(list(ChunkedDecoder(vae, 8, 3)(latents)))
    changed = torch.stack(list(ChunkedDecoder(vae, 8, 3, [small_device])(latents)))
    assert len(changed) == 30
    steps = [(frames[1:] - frames[:-1]).abs().mean(dim=(1, 2, 3)) for frames in (whole, changed)]
    assert steps[1].max() < 1.5 * steps[0].max()


def test_a_device_without_room_for_the_encoders_leaves_them_to_the_cpu(models, caplog):
    model = SonicEngine([models], device="cpu").model
    image = portrait().image[:256, :256]
    expected = encode_portrait(model, image, torch.device("cpu"), torch.float32)
    tried = []

    def full(module, inputs):
        where = next(module.parameters()).device
        tried.append(where.type)
        if where.type != "cpu":
            raise torch.OutOfMemoryError("out of memory")

    hooks = [net.register_forward_pre_hook(full) for net in (model.clip, model.vae.encoder)]
    with OneDevice():  # lets weights come back from the device without numbers
        got = encode_portrait(model, image, torch.device("meta"), torch.float32)
    for hook in hooks:
        hook.remove()
    assert tried == ["meta", "meta", "cpu"] * 2
    assert [part.shape for part in got] == [part.shape for part in expected]
    assert "run on the CPU" in caplog.text


def test_lack_of_memory_is_known_by_its_class_or_its_words():
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"))
    assert is_out_of_memory(
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
    )
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_devices_that_cannot_be_asked_count_as_a_usual_card():
    assert free_memory(torch.device("privateuseone")) == 8 * GIB


def test_what_others_are_to_have_is_not_free(models, monkeypatch):
    monkeypatch.setattr("sonic_core.engines.sonic.networks_on_devices.free_memory", lambda device: 8.0 * GIB)
    whole, less = (
        SonicEngine([models], device="cpu", reserve=reserve).networks.free(torch.device("cpu"))
        for reserve in (0.0, 1.5)
    )
    assert whole - less == 1.5 * GIB


@pytest.mark.parametrize("preset", ["exact", "fast"])
def test_a_clip_that_was_stopped_goes_on_with_the_next_step(models, tmp_path, preset):
    engine = SonicEngine([models], device="cpu", preset=preset)
    settings = replace(SETTINGS, inference_steps=3 if preset == "exact" else 6)
    conditioning = small_clip(engine, SECONDS, SETTINGS)
    reports, stops = [], []

    def progress(stage, done, total, preview=None):
        reports.append(done)
        if stops and done >= stops[0]:
            raise KeyboardInterrupt

    whole = engine.sample(conditioning, settings, progress).samples
    stops, reports = [reports[-1] // 2 + 1], []
    file = StepFile(tmp_path / "a.steps.safetensors", {"seed": 0}, resume=False)
    with pytest.raises(KeyboardInterrupt):
        engine.sample_in_steps(conditioning, settings, file, progress)
    assert reports[0] == 0
    stops, reports = [], []
    again = StepFile(file.path, {"seed": 0}, resume=True)
    assert torch.equal(engine.sample_in_steps(conditioning, settings, again, progress).samples, whole)
    assert reports[0] > 0
    with pytest.raises(SettingsError, match="seed was 0, is 1"):
        StepFile(file.path, {"seed": 1}, resume=True, required=True).load()
    assert StepFile(file.path, {"seed": 1}, resume=True).load() is None
    assert StepFile(file.path, {"seed": 0}, resume=False).load() is None


def test_reference_on_cuda_draws_half_precision_noise_on_its_generator_all_at_once(monkeypatch):
    mode = Mode.of(reference=True, device="cpu")
    assert mode.published_draw is None
    assert replace(mode, reference=False, device=torch.device("cuda")).published_draw is None
    on_cuda = replace(mode, device=torch.device("cuda:1"), dtype=torch.float16).published_draw
    assert on_cuda == Draw(torch.device("cuda:1"), torch.float16)

    here, asked = Draw(torch.device("cpu"), torch.float16), []
    draw = Draw.__call__
    monkeypatch.setattr(Draw, "__call__", lambda self, shape, g: asked.append((shape, self)) or draw(self, shape, g))
    reference, sigma = torch.randn(4, 8, 8), float(karras_sigmas(25)[0])
    start = noisy_start(reference, 6, (64, 64), 7, sigma, here)
    assert asked == [((1, 3, 64, 64), here), ((1, 6, 4, 8, 8), here)]
    generator = torch.Generator().manual_seed(7)
    torch.randn(1, 3, 64, 64, generator=generator, dtype=torch.float16)
    noise = torch.randn(1, 6, 4, 8, 8, generator=generator, dtype=torch.float16)[0]
    assert torch.equal(start, starting_latents(reference, noise, sigma))
    assert not torch.equal(start, noisy_start(reference, 6, (64, 64), 7, sigma))


def test_noise_is_drawn_as_published_frame_by_frame():
    reference, sigma = torch.randn(4, 32, 40), float(karras_sigmas(25)[0])
    generator = torch.Generator().manual_seed(7)
    torch.randn(1, 3, 256, 320, generator=generator)
    published = torch.randn(30, 4, 32, 40, generator=generator)
    assert torch.equal(noisy_start(reference, 30, (256, 320), 7, sigma), starting_latents(reference, published, sigma))
