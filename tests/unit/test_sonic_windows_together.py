"""Windows of a step in one batch, where a GPU has room and the user asks for it: fewer passes, the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sonic_samples import CONTEXT, TOKENS, TWO_STEPS, UNET, seeded, short_windows

from sonic_core.diffusion.guidance import three_branch, within
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import karras_sigmas
from sonic_core.diffusion.windows import OpenWindows
from sonic_core.engines.sonic.denoiser import Conditions, SonicDenoiser
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.engines.sonic.estimating import Mode
from sonic_core.engines.sonic.planning import GIB, MemoryPlan, ModelSizes, Place, choose_plan, plans, smaller
from sonic_core.engines.sonic.presets import PRESETS
from sonic_core.engines.sonic.savings import PlannedPredictions, in_groups, plan_steps
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.engines.sonic.window_work import Lane, Windowing
from sonic_core.engines.sonic.work_count import window_passes
from sonic_core.errors import SettingsError

FULL_SIZE = ModelSizes(round(2.94 * GIB), round(1.47 * GIB), round(0.18 * GIB), round(1.18 * GIB), 320)  # fp16


@pytest.fixture(autouse=True)
def like_a_gpu(monkeypatch):
    """Plans of a GPU without 8-bit weights, carried out on the CPU."""
    short_windows(monkeypatch)
    monkeypatch.setattr(Mode, "place", property(lambda self: Place(4, True, False, windows=self.windows_together)))


@pytest.fixture
def passes(monkeypatch):
    """How many windows and branches each pass of a UNet took at once."""
    seen, forward = [], SonicUNet.forward

    def counted(unet, sample, *args, **options):
        seen.append(len(sample))
        return forward(unet, sample, *args, **options)

    monkeypatch.setattr(SonicUNet, "forward", counted)
    return seen


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("windows", [1, 2, 3])
@torch.no_grad()
def test_a_batch_of_windows_is_denoised_as_each_by_itself(together, windows):
    """In double precision, where a mistake cannot pass for rounding."""
    unet = seeded(1, lambda: SonicUNet(**UNET)).double()
    conditions = Conditions(
        torch.randn(4, 8, 8), torch.randn(1, CONTEXT), torch.randn(12, TOKENS, CONTEXT), torch.randn(1, TOKENS, CONTEXT),
        20 + 5 * torch.randn(12, 2), torch.ones(1, 1, 64, 64),
    )  # fmt: skip
    frames = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]])
    x = torch.randn(3, 4, 4, 8, 8)
    batch = SonicDenoiser(unet, conditions, together, keep_deep=True, windows=windows)
    full, shallow = batch(x, 2.0, frames, (0, 1, 2)), batch.shallow(x, 1.9, frames)
    for i, its in enumerate(frames):
        single = SonicDenoiser(unet, conditions, together, keep_deep=True)
        for branch, expected in enumerate(single(x[i], 2.0, its, (0, 1, 2))):
            assert torch.allclose(full[branch][i], expected, atol=1e-6)
        assert torch.allclose(shallow[i], single.shallow(x[i], 1.9, its), atol=1e-6)


class Oracle:
    """Branches that differ from frame to frame and know the step; the same numbers however many windows come at once."""

    def __call__(self, x, sigma, frames, branches):
        place = torch.from_numpy(np.cos(frames)).float().view(*frames.shape, 1, 1, 1)
        return [(x * 0.1 + (branch + 1) * place * sigma) / (1 + sigma) for branch in branches]

    def shallow(self, x, sigma, frames):
        return self(x, sigma, frames, (2,))[0] * 0.9


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("lanes", [1, 2])
def test_presets_remember_the_same_whatever_goes_together(preset, lanes):
    sigmas, windows, length = karras_sigmas(preset.steps(25)), OpenWindows(25), 107
    start = torch.randn(length, 4, 2, 2, generator=torch.Generator().manual_seed(0)) * 700

    def sampled(lanes, together):
        differences = {}
        work = Windowing(window_passes(sigmas, preset), windows, length, lambda *report: None)
        for _ in range(lanes):
            predict = PlannedPredictions(Oracle(), plan_steps(sigmas, preset), length, differences)
            scales = (within(scale, preset.guidance_floor, float("inf")) for scale in (2.0, 7.5))
            denoise, levels = in_groups(three_branch(predict, *scales), sigmas, preset.substeps)
            work.lanes = [*work.lanes, Lane(torch.device("cpu"), denoise, predict.settle)]
        return sample_euler(work, start, levels, windows, work.after_step, together=together)

    assert torch.equal(sampled(lanes, 3 * lanes), sampled(1, 1))


@pytest.mark.parametrize(("options", "at_once"), [({"device": "cpu"}, [3, 6]), ({"devices": "cpu,cpu"}, [3, 6])])
def test_a_clip_takes_fewer_passes_and_comes_out_the_same(models, three_windows, passes, options, at_once):
    alone = SonicEngine([models], device="cpu").sample(three_windows, TWO_STEPS)
    singly = list(passes)
    passes.clear()
    together = SonicEngine([models], windows_together=2, **options).sample(three_windows, TWO_STEPS)
    near(together.samples, alone.samples)
    assert sum(passes) == sum(singly)  # the same work
    assert sorted(set(passes)) == at_once
    assert len(passes) == 4 < len(singly)  # of three windows two and one, in each of two steps


def near(latents, whole):
    """Another order of additions; networks with random weights blow it up."""
    assert (latents - whole).abs().mean() < 0.02 * whole.abs().mean()


@pytest.mark.parametrize(("preset", "failing"), [("exact", [9, 9]), ("fast", [9])])
def test_a_device_that_cannot_hold_them_goes_on_with_fewer(models, three_windows, preset, failing, caplog):
    settings = replace(TWO_STEPS, inference_steps=2 if preset == "exact" else 4)
    alone = SonicEngine([models], device="cpu", preset=preset).sample(three_windows, settings)
    engine = SonicEngine([models], device="cpu", preset=preset, windows_together=3)
    full = engine.model.unet.forward
    tried = []

    def short_of_memory(sample, *args):
        if len(sample) == 9:
            tried.append(len(sample))
            if len(tried) == len(failing):
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return full(sample, *args)

    engine.model.unet.forward = short_of_memory
    near(engine.sample(three_windows, settings).samples, alone.samples)
    assert "going on from where it was with a smaller plan: 2 windows together, branches together" in caplog.text
    assert tried == failing


def chosen(free_gib, side, windows=8):
    return choose_plan(free_gib * GIB, FULL_SIZE, (side, side), 25, Place(2, windows=windows))


def test_the_plan_takes_as_many_as_memory_and_kernels_allow():
    assert [chosen(free, 64).windows for free in (10.7, 14.6, 22.4, 46, 140)] == [1, 1, 3, 5, 5]
    assert [chosen(free, 96).windows for free in (22.4, 46, 140)] == [1, 2, 2]
    assert chosen(140, 128).windows == 1
    assert chosen(140, 64, windows=1).windows == 1
    assert all(plan.windows == 1 for plan in plans(FULL_SIZE, (64, 64), 25, Place(4, False, None, True, windows=4)))


def test_each_smaller_plan_takes_one_window_less():
    ways = plans(FULL_SIZE, (64, 64), 25, Place(2, windows=3))
    plan: MemoryPlan | None = ways[0]
    seen = []
    while plan is not None:
        seen.append((plan.windows, plan.together))
        plan = smaller(ways, plan, "sampling")
    assert seen[:4] == [(3, True), (2, True), (1, True), (1, False)]
    assert ways[0].described().startswith("3 windows together, branches together")


def test_numbers_of_windows_that_mean_nothing_are_refused():
    with pytest.raises(SettingsError, match="windows_together is 0; expected 1 or more"):
        Mode.of(device="cpu", windows_together=0)
