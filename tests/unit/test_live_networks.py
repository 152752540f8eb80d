"""The networks as a live step runs them give the numbers of their modules."""

import pytest
import torch

from sonic_core.engines.lite.denoiser import MotionDenoiser
from sonic_core.engines.lite.live.few_frames import FewFrames
from sonic_core.engines.lite.motion_space import CHANNELS
from sonic_core.hearing import few_states
from sonic_core.hearing.few_states import FewStates, product
from sonic_core.hearing.lip_reader_module import LipReader
from sonic_core.hearing.whisper import WhisperEncoder

SAME = 1e-4


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_states_and_lips_are_those_of_the_modules():
    encoder, reader = WhisperEncoder.load(), LipReader.load()
    networks, sound = FewStates(encoder, reader), 0.1 * torch.randn(1, 32_000)
    whole = encoder(sound)
    h = networks.stem(encoder.log_mel(sound)[0]) + encoder.positions[:100]
    hidden = [h]
    for layer in networks.layers:
        h = layer(h, torch.zeros(100, 2 * networks.width), 0, 0)
        hidden.append(h)
    hidden[-1] = encoder.norm(h)
    assert (torch.stack(hidden, 1) - whole[0]).abs().max() < SAME
    assert (networks.read(networks.view(hidden), 30) - reader(whole)[0, -30:]).abs().max() < SAME


def test_a_layer_goes_on_from_keys_and_values_that_were_kept():
    encoder = WhisperEncoder.load()
    layer = FewStates(encoder, LipReader.load()).layers[0]
    h, kept = torch.randn(40, encoder.width), torch.zeros(40, 2 * encoder.width)
    layer(h[:33], kept, 0, 0)
    assert (layer(h[33:], kept, 33, 0) - encoder.blocks[0](h[None])[0, 33:]).abs().max() < SAME


@pytest.mark.parametrize("sigma", [1.0, 0.5])
@pytest.mark.parametrize("window", [28, 34])
def test_frames_are_those_of_the_module(sigma, window):
    denoiser, known = MotionDenoiser.load(), torch.randn(24, len(CHANNELS))
    x, cues = torch.randn(window, len(CHANNELS)), torch.randn(window, denoiser.heard.in_features)
    padded = torch.cat([known, torch.zeros(window - 24, len(CHANNELS))])
    is_known = (torch.arange(window) < 24).float()
    expected = denoiser(x[None], torch.tensor([sigma]), cues[None], padded[None], is_known[None])[0]
    clean = FewFrames(denoiser, [1.0, 0.5]).denoise(known, cues)(x, sigma, None)
    assert torch.equal(clean[:24], known)
    assert (clean[24:] - expected[24:]).abs().max() < SAME


@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_is_the_same_where_pytorch_lays_no_weights_out(gelu, monkeypatch):
    weight, bias, x = torch.randn(50, 30), torch.randn(50), torch.randn(7, 30)
    quick = product(weight, bias, gelu)(x)
    monkeypatch.setattr(few_states.torch.ops, "mkldnn", None)
    assert (product(weight, bias, gelu)(x) - quick).abs().max() < SAME
