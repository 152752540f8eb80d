"""The networks as a live step runs them give the numbers of their modules."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sonic_core.audio.loading import load_audio
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.diffusion.sampler import sample_euler
from sonic_core.diffusion.schedule import flow_sigmas
from sonic_core.diffusion.windows import OpenWindows
from sonic_core.engines.lite.denoiser import MotionDenoiser
from sonic_core.engines.lite.live.few_frames import FewFrames
from sonic_core.engines.lite.motion_space import CHANNELS
from sonic_core.hearing import few_rows
from sonic_core.hearing.encoders import levelled
from sonic_core.hearing.few_rows import depthwise, product, product_in_eight_bits, taps_of
from sonic_core.hearing.few_states import FewStates
from sonic_core.hearing.lip_reader import Articulation
from sonic_core.hearing.lip_reader_module import LipReader
from sonic_core.hearing.whisper import WhisperEncoder
from sonic_core.samples import SPEECH

SAME = 1e-4
needs_eight_bits = pytest.mark.skipif(
    torch.backends.quantized.engine not in few_rows.ENGINES, reason="PyTorch has no engine for eight bits here"
)


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_states_and_lips_are_those_of_the_modules():
    encoder, reader = WhisperEncoder.load(), LipReader.load()
    networks, sound = FewStates(encoder, reader, product), 0.1 * torch.randn(1, 32_000)
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
    layer = FewStates(encoder, LipReader.load(), product).layers[0]
    h, kept = torch.randn(40, encoder.width), torch.zeros(40, 2 * encoder.width)
    layer(h[:33], kept, 0, 0)
    assert (layer(h[33:], kept, 33, 0) - encoder.blocks[0](h[None])[0, 33:]).abs().max() < SAME


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("window", [28, 34])
def test_frames_are_those_that_the_sampler_makes_with_the_module(steps, window):
    denoiser, known, sigmas = MotionDenoiser.load(), torch.randn(24, len(CHANNELS)), flow_sigmas(steps)
    noise, cues = torch.randn(window, len(CHANNELS)), torch.randn(window, denoiser.heard.in_features)
    padded = torch.cat([known, torch.zeros(window - 24, len(CHANNELS))])
    is_known = (torch.arange(window) < 24).float()

    def denoise(x, sigma, frames):
        clean = denoiser(x[None], torch.tensor([sigma]), cues[None], padded[None], is_known[None])[0]
        return torch.cat([known, clean[24:]])

    expected = sample_euler(denoise, noise, sigmas, OpenWindows(window))
    made = FewFrames(denoiser, sigmas.tolist()).sample(known, cues, noise)
    assert (made - expected[24:]).abs().max() < SAME


@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_is_the_same_where_pytorch_lays_no_weights_out(gelu, monkeypatch):
    weight, bias, x = torch.randn(50, 30), torch.randn(50), torch.randn(7, 30)
    quick = product(weight, bias, gelu)(x)
    monkeypatch.setattr(few_rows.torch.ops, "mkldnn", None)
    assert (product(weight, bias, gelu)(x) - quick).abs().max() < SAME


def relative_error(rows, expected):
    return float((rows - expected).square().mean().sqrt() / expected.square().mean().sqrt())


@needs_eight_bits
@pytest.mark.parametrize("whole_range", [False, True])
@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_in_eight_bits_is_near_whatever_the_processor_adds_up(gelu, whole_range, monkeypatch):
    if whole_range and not few_rows._adds_without_loss():
        pytest.skip("this processor adds products of eight bits in sixteen")
    monkeypatch.setattr(few_rows, "_adds_without_loss", lambda: whole_range)
    weight, bias, x = torch.randn(384, 192), torch.randn(384), torch.randn(9, 192)
    exact = product(weight, bias, gelu)(x)
    error = relative_error(product_in_eight_bits(weight, bias, gelu)(x), exact)
    assert 1e-4 < error < (0.02 if whole_range else 0.04)


@pytest.mark.parametrize("reason", ["no engine", "no such product", "too far off"])
def test_where_eight_bits_will_not_do_the_product_is_exact(reason, monkeypatch):
    if reason == "no engine":
        monkeypatch.setattr(few_rows, "ENGINES", ())
    elif reason == "no such product":
        monkeypatch.setattr(few_rows.torch.ops, "quantized", None)
    else:
        monkeypatch.setattr(few_rows, "NEAR", 1e-6)
    weight, bias, x = torch.randn(50, 30), torch.randn(50), torch.randn(7, 30)
    assert (product_in_eight_bits(weight, bias)(x) - product(weight, bias)(x)).abs().max() < SAME


@needs_eight_bits
def test_eight_bits_are_made_without_a_warning():
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            product_in_eight_bits(torch.randn(50, 30), torch.randn(50))
    finally:
        torch.set_warn_always(False)


@needs_eight_bits
def test_threads_share_a_product_in_eight_bits():
    quick = product_in_eight_bits(torch.randn(384, 384), torch.randn(384))
    rows = torch.randn(64, 12, 384)
    alone = [quick(x) for x in rows]
    with ThreadPoolExecutor(4) as pool:
        assert all(map(torch.equal, alone, pool.map(quick, rows)))


@needs_eight_bits
def test_what_is_heard_in_eight_bits_is_what_was_said():
    encoder, reader = WhisperEncoder.load(), LipReader.load()
    sound = torch.from_numpy(levelled(to_mono_16k(load_audio(SPEECH))[:64_000]))
    mel = encoder.log_mel(sound[None])[0]
    opened, closed = [], []
    for make in (product, product_in_eight_bits):
        networks = FewStates(encoder, reader, make)
        h = networks.stem(mel) + encoder.positions[:200]
        hidden = [h]
        for layer in networks.layers:
            h = layer(h, torch.zeros(200, 2 * networks.width), 0, 0)
            hidden.append(h)
        hidden[-1] = encoder.norm(h)
        heard = Articulation.from_outputs(networks.read(networks.view(hidden), 200).numpy())
        opened.append(heard.open)
        closed.append(heard.closure)
    assert np.abs(opened[0] - opened[1]).mean() < 0.01
    assert np.abs(closed[0] - closed[1]).mean() < 0.01
    assert np.array_equal(closed[0] > 0.5, closed[1] > 0.5)


def test_taps_are_those_of_the_convolution():
    convolution, x = torch.nn.Conv1d(12, 12, 7, padding=3, groups=12), torch.randn(9, 12)
    assert (depthwise(x, *taps_of(convolution)) - convolution(x.T[None])[0].T).abs().max() < SAME
