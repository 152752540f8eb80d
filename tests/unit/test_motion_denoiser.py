"""The motion denoiser: windows of one noise level, computed in fewer calls, get what each gets among others."""

import pytest
import torch

from sonic_core.engines.lite.denoiser import _turned, load_module, rotations
from sonic_core.engines.lite.motion import DENOISER_SPEC


@pytest.fixture(scope="module")
def inputs():
    return [torch.from_numpy(array) for array in DENOISER_SPEC.example_inputs({"batch": 3, "frames": 40})]


def test_one_noise_level_for_all_gives_what_different_ones_give(inputs):
    network = load_module(DENOISER_SPEC.weights)
    x, _, *others = inputs
    with torch.inference_mode():
        together = network(x, torch.tensor([0.7, 0.7, 0.7]), *others)
        apart = network(x, torch.tensor([0.7, 0.7, 0.2]), *others)
    torch.testing.assert_close(together[:2], apart[:2], rtol=0, atol=1e-5)
    assert (together[2] - apart[2]).abs().max() > 0.1


def test_places_are_turned_alike_in_single_and_double_precision():
    t = torch.randn(2, 4, 9, 32, generator=torch.Generator().manual_seed(0))
    turn = rotations(9, 32)
    twice = tuple(part.double() for part in turn)
    torch.testing.assert_close(_turned(t, turn), _turned(t.double(), twice).float(), rtol=0, atol=1e-6)
