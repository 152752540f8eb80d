import torch
from sonic_samples import CONTEXT, TOKENS, UNET, seeded

from sonic_core.diffusion.guidance import three_branch
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import karras_sigmas
from sonic_core.diffusion.windows import OpenWindows
from sonic_core.engines.sonic.denoiser import ALL, Conditions, SonicDenoiser
from sonic_core.engines.sonic.presets import PRESETS, Preset
from sonic_core.engines.sonic.savings import PlannedPredictions, in_groups, plan_steps
from sonic_core.engines.sonic.unet import SonicUNet


class Oracle:
    """A denoiser whose branches differ by a constant v, so that a kept difference is exact; counts what it is asked."""

    def __init__(self, frames):
        self.conditions, self.calls = range(frames), []

    def __call__(self, x, sigma, frames, branches):
        self.calls.append((sigma, tuple(branches)))
        factor = sigma / (sigma**2 + 1) ** 0.5
        return [x * 0.1 + branch * factor * (1 + torch.from_numpy(frames).view(-1, 1).float()) for branch in branches]

    def shallow(self, x, sigma, frames):
        self.calls.append((sigma, "shallow"))
        return self(x, sigma, frames, (ALL,))[0]


def test_differences_are_kept_per_frame_while_windows_move():
    x, sigmas = torch.randn(40, 1, generator=torch.Generator().manual_seed(0)) * 700, karras_sigmas(12)
    windows = OpenWindows(8, 2, 3)
    plan = plan_steps(sigmas, Preset("p", "", picture_every=3, nothing_every=6))
    saved, full = (
        sample_euler(three_branch(predict, 2.0, 7.5), x, sigmas, windows)
        for predict in (PlannedPredictions(Oracle(40), plan, 40), Oracle(40))
    )
    assert torch.allclose(saved, full, rtol=1e-4, atol=1e-3)


def test_the_plan_computes_each_branch_as_often_as_the_preset_says():
    sigmas = karras_sigmas(12)
    oracle = Oracle(10)
    plan = plan_steps(sigmas, Preset("p", "", picture_every=2, nothing_every=4))
    sample_euler(
        three_branch(PlannedPredictions(oracle, plan, 10), 2.0, 7.5), torch.zeros(10, 1), sigmas, OpenWindows(25)
    )
    counts = [sum(branch in branches for _, branches in oracle.calls) for branch in (0, 1, 2)]
    assert counts == [3, 6, 12]


def test_the_first_step_computes_everything_in_every_preset():
    for preset in PRESETS.values():
        plan = plan_steps(karras_sigmas(25), preset)
        first = next(iter(plan.values()))
        assert first.fresh == {0, 1, 2}
        assert not first.shallow


def test_steps_in_groups_end_where_single_steps_end_when_windows_do_not_mix():
    def denoise(x, sigma, frames):
        return (x + sigma**2 * 2.0) / (1 + sigma**2)

    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(1)) * 700
    sigmas = karras_sigmas(11)
    single = sample_euler(denoise, x, sigmas, OpenWindows(25))
    for size in (1, 2, 3, 11, 20):
        grouped, levels = in_groups(denoise, sigmas, size)
        assert levels[-1] == 0
        assert torch.allclose(sample_euler(grouped, x, levels, OpenWindows(25)), single, rtol=1e-4, atol=1e-4)


def test_shallow_steps_follow_a_full_one_in_the_same_window():
    sigmas = karras_sigmas(9)
    preset = PRESETS["preview"]
    oracle = Oracle(40)
    predict = PlannedPredictions(oracle, plan_steps(sigmas, preset), 40)
    denoise, levels = in_groups(three_branch(predict, 2.0, 7.5), sigmas, preset.substeps)
    sample_euler(denoise, torch.zeros(40, 1), levels, OpenWindows(25))
    kinds = [kind for _, kind in oracle.calls]
    shallow = [i for i, kind in enumerate(kinds) if kind == "shallow"]
    assert len(shallow) == 2 * 2 * 3 or len(shallow) == 2 * sum(len(list(OpenWindows(25)(40, i))) for i in range(3))
    assert ALL in kinds[shallow[0] - 1]


def test_kept_differences_are_nearer_to_the_exact_result_than_no_guidance():
    torch.manual_seed(0)
    unet = seeded(1, lambda: SonicUNet(**UNET))
    conditions = Conditions(
        torch.randn(4, 8, 8), torch.randn(1, CONTEXT), torch.randn(6, TOKENS, CONTEXT), torch.randn(1, TOKENS, CONTEXT),
        torch.full((6, 2), 20.0), None,
    )  # fmt: skip
    x, sigmas = torch.randn(6, 4, 8, 8) * 700, karras_sigmas(10)

    def run(predict, image_scale=2.0, audio_scale=7.5):
        return sample_euler(three_branch(predict, image_scale, audio_scale), x, sigmas, OpenWindows(25))

    denoiser = SonicDenoiser(unet, conditions)
    exact, unguided = run(denoiser), run(denoiser, 1.0, 1.0)
    planned = {
        name: run(PlannedPredictions(denoiser, plan_steps(sigmas, PRESETS[name]), len(conditions)))
        for name in ("exact", "balanced")
    }
    assert torch.allclose(planned["exact"], exact, atol=1e-3)
    assert (planned["balanced"] - exact).abs().mean() < 0.75 * (unguided - exact).abs().mean()
