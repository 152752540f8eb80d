import pytest
import torch

from sonic_core.diffusion.guidance import classifier_free, ramp, three_branch, within
from sonic_core.diffusion.schedule import karras_sigmas

X, FRAMES = torch.zeros(3, 2), torch.arange(3)


class Predictions:
    """Branch b predicts b + 1 (branch 2: 10), and remembers which branches were asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, x, sigma, frames, branches):
        self.asked.append(branches)
        return [torch.full_like(x, (1.0, 2.0, 10.0)[branch]) for branch in branches]


def test_three_branches_are_combined_as_in_sonic():
    denoised = three_branch(Predictions(), 2.0, 7.5)(X, 1.0, FRAMES)
    assert torch.allclose(denoised, torch.full_like(X, 1 + 2.0 * (2 - 1) + 7.5 * (10 - 2)))


def test_classifier_free_guidance_extrapolates():
    denoised = classifier_free(Predictions(), 3.0)(X, 1.0, FRAMES)
    assert torch.allclose(denoised, torch.full_like(X, 1 + 3.0 * (2 - 1)))


def test_branches_of_no_weight_are_not_computed():
    predict = Predictions()
    classifier_free(predict, 1.0)(X, 1.0, FRAMES)
    three_branch(predict, 1.0, 7.5)(X, 1.0, FRAMES)
    three_branch(predict, 1.0, 1.0)(X, 1.0, FRAMES)
    three_branch(predict, 3.0, 3.0)(X, 1.0, FRAMES)
    assert predict.asked == [(1,), (1, 2), (2,), (0, 2)]


def test_guidance_interval_leaves_the_last_branch_alone_outside():
    predict = Predictions()
    denoise = three_branch(predict, within(2.0, 0.5, 50), within(7.5, 0.5, 50))
    for sigma in (100.0, 10.0, 0.1):
        denoise(X, sigma, FRAMES)
    assert predict.asked == [(2,), (0, 1, 2), (2,)]


def test_a_ramp_reaches_its_ends_on_the_steps_that_are_run():
    sigmas = karras_sigmas(5)[2:]
    scale = ramp(sigmas, 1.0, 3.0)
    assert [scale(sigma) for sigma in sigmas.tolist()[:-1]] == pytest.approx([1, 2, 3])
