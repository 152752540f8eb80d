import math

import pytest
import torch

from sonic_core.diffusion import schedule
from sonic_core.errors import SettingsError


def test_karras_sigmas_are_the_published_ones_of_svd():
    sigmas = schedule.karras_sigmas(25)
    assert len(sigmas) == 26
    assert sigmas[[0, 1, 8, 24, 25]].tolist() == pytest.approx([700, 545.729248, 70.540840, 0.002, 0], rel=1e-6)


def test_one_step_goes_from_the_top_to_zero():
    assert schedule.karras_sigmas(1).tolist() == [700.0, 0.0]
    assert schedule.flow_sigmas(1).tolist() == [1.0, 0.0]


def test_flow_sigmas_are_even_without_shift_and_higher_with_it():
    assert schedule.flow_sigmas(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = schedule.flow_sigmas(4, shift=3)
    assert shifted.tolist() == pytest.approx([1.0, 0.9, 0.75, 0.5, 0.0])


@pytest.mark.parametrize("make", [schedule.karras_sigmas, schedule.flow_sigmas])
def test_no_steps_is_an_error_that_names_the_setting(make):
    with pytest.raises(SettingsError, match="inference_steps is 0"):
        make(0)


def test_v_prediction_recovers_the_data():
    data, noise, sigma = torch.randn(3, 4), torch.randn(3, 4), 5.0
    x = data + sigma * noise
    v = (noise - sigma * data) / math.sqrt(sigma**2 + 1)
    assert torch.allclose(schedule.denoised_from_v(v, x, sigma), data, atol=1e-5)


def test_scaled_input_has_unit_variance_at_any_noise_level():
    generator = torch.Generator().manual_seed(0)
    data, noise = torch.randn(2, 200_000, generator=generator)
    for sigma in (0.01, 1.0, 700.0):
        assert schedule.scaled_input(data + sigma * noise, sigma).std() == pytest.approx(1, abs=0.01)
