import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import flow_sigmas, karras_sigmas
from sonic_core.diffusion.windows import CircularWindows, OpenWindows

MEAN, DEVIATION = 2.0, 0.5


def best_guess(x, sigma, frames):
    """The exact denoiser of data distributed as N(MEAN, DEVIATION^2), noise added as x = data + sigma * noise."""
    return (DEVIATION**2 * x + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


def exact_flow(x, sigma):
    """Where the probability-flow ODE of that distribution ends."""
    return MEAN + (x - MEAN) * DEVIATION / math.sqrt(DEVIATION**2 + sigma**2)


def noise(frames, *shape, seed=0):
    return torch.randn(frames, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("windows", [CircularWindows(25), CircularWindows(8, 3), OpenWindows(25), OpenWindows(8, 3)])
@pytest.mark.parametrize("frames", [1, 17, 25, 60])
def test_sampling_a_gaussian_ends_where_theory_says(windows, frames):
    sigmas = karras_sigmas(300)
    x = noise(frames, 2, 3) * float(sigmas[0])
    denoised, exact = sample_euler(best_guess, x, sigmas, windows), exact_flow(x, 700)
    assert ((denoised - exact).abs() <= 0.02 * (exact - MEAN).abs() + 1e-3).all()


def test_more_steps_come_nearer_to_the_exact_solution():
    x = noise(30, 2) * 700
    errors = [
        (sample_euler(best_guess, x, karras_sigmas(n), OpenWindows(8)) - exact_flow(x, 700)).abs().max().item()
        for n in (10, 20, 40, 80)
    ]
    assert all(b < 0.65 * a for a, b in pairwise(errors))


def test_flow_matching_moves_a_gaussian_onto_the_data():
    def best_guess_of_flow(x, sigma, frames):
        keep = 1 - sigma
        return MEAN + keep * DEVIATION**2 * (x - keep * MEAN) / ((keep * DEVIATION) ** 2 + sigma**2)

    x = noise(400, 100)
    denoised = sample_euler(best_guess_of_flow, x, flow_sigmas(200), OpenWindows(64, 16))
    assert denoised.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert denoised.std().item() == pytest.approx(DEVIATION, abs=0.01)


@pytest.mark.parametrize("windows", [CircularWindows(25, 0), CircularWindows(14, 7, 3), OpenWindows(25, 4)])
def test_a_denoiser_that_looks_at_single_frames_gives_the_same_with_any_windows(windows):
    x, sigmas = noise(31, 4) * 700, karras_sigmas(10)
    whole = sample_euler(best_guess, x, sigmas, OpenWindows(31))
    assert torch.allclose(sample_euler(best_guess, x, sigmas, windows), whole, rtol=1e-4, atol=1e-4)


def test_moving_windows_leave_no_seam():
    """A denoiser that pulls every window to its own mean: fixed windows end in steps at the seams, moving ones do not."""

    def to_the_window_mean(x, sigma, frames):
        return x.mean(dim=0, keepdim=True).expand_as(x)

    x, sigmas = noise(100, 64) * 10, karras_sigmas(25, sigma_max=10)

    def largest_step_at_seams(shift):
        out = sample_euler(to_the_window_mean, x, sigmas, OpenWindows(25, 0, shift))
        return (out[25::25] - out[24:-1:25]).abs().mean().item()

    assert largest_step_at_seams(shift=7) < 0.1 * largest_step_at_seams(shift=0)


def test_windows_of_a_step_do_not_see_each_others_result():
    x, sigmas = noise(50, 1) * 5, np.float32([5.0, 1.0, 0.0])
    seen = []

    def remember(x_window, sigma, frames):
        seen.append((sigma, frames, x_window.clone()))
        return torch.zeros_like(x_window)

    sample_euler(remember, x, sigmas, CircularWindows(25, 12))
    assert all(torch.equal(x_window, x[frames]) for sigma, frames, x_window in seen if sigma == 5.0)


def test_every_step_is_reported_with_a_picture_on_demand():
    reports = []

    def progress(stage, done, total, preview=None):
        reports.append((stage, done, total, preview()))

    def draw(denoised):
        return np.uint8([[[round(float(denoised.mean()) * 100)] * 3]])

    sample_euler(
        lambda x, s, f: torch.full_like(x, MEAN), noise(9, 1) * 700, karras_sigmas(4), OpenWindows(9), progress, draw
    )
    assert [report[:3] for report in reports] == [("sampling", i, 4) for i in (1, 2, 3, 4)]
    assert all(abs(int(picture[0, 0, 0]) - 200) <= 1 for *_, picture in reports)


def test_raising_from_progress_stops_the_work():
    calls = []

    def cancel(stage, done, total, preview=None):
        if done == 2:
            raise KeyboardInterrupt

    def count(x, sigma, frames):
        calls.append(sigma)
        return x

    with pytest.raises(KeyboardInterrupt):
        sample_euler(count, noise(5, 1), karras_sigmas(10), OpenWindows(25), cancel)
    assert len(calls) == 2


def test_inputs_stay_as_they_were():
    x, sigmas = noise(9, 2), karras_sigmas(3)
    kept = x.clone()
    sample_euler(best_guess, x, sigmas, OpenWindows(4))
    assert torch.equal(x, kept)


@pytest.mark.parametrize("kind", ["tensor", "array"])
def test_windows_given_together_count_like_those_given_one_by_one(kind):
    x, windows = noise(60, 3), OpenWindows(20, overlap=5)
    x = x if kind == "tensor" else x.numpy()
    sizes = []

    def towards_the_window_mean(x, sigma, frames):
        assert frames.shape == x.shape[:-1]
        sizes.append(frames.shape)
        return 0 * x + x.mean(-2)[..., None, :] / (1 + sigma**2)

    single = sample_euler(towards_the_window_mean, x, karras_sigmas(4), windows)
    alone, sizes = sizes, []
    together = sample_euler(towards_the_window_mean, x, karras_sigmas(4), windows, together=3)
    assert np.allclose(together, single, atol=1e-5)
    assert set(alone) == {(20,)}
    assert (3, 20) in sizes
    assert sum(size[0] for size in sizes) == len(alone)
