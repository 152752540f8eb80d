"""Resampling: one result with and without torchaudio, against other people's filters, and what it must keep."""

import math
import subprocess
import sys

import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from sonic_core.audio import resampling
from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import (
    ENCODER_RATE,
    filtered_by_scipy,
    filtered_by_table,
    loadable_torchaudio,
    phase_table,
    resample,
    sinc_kernel,
    to_mono_16k,
)

RATES = [8_000, 11_025, 22_050, 44_100, 48_000]


def voice_band_noise(rate, seconds=1.3, channels=1):
    """Noise below 3 kHz: what every sensible filter leaves alone."""
    spectrum = np.fft.rfft(np.random.default_rng(rate).standard_normal((channels, round(rate * seconds))))
    frequency = np.fft.rfftfreq(round(rate * seconds), 1 / rate)
    spectrum *= np.exp(-((frequency / 1500) ** 4))
    sound = np.fft.irfft(spectrum, round(rate * seconds))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def resample_with_ffmpeg(sound, rate, new_rate):
    frame = av.AudioFrame.from_ndarray(sound, format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=new_rate)
    made = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray() for piece in made], axis=1)[:, : -(-sound.shape[1] * new_rate // rate)]


def as_defined(sound, rate, new_rate):
    """Every value by the definition of torchaudio's "sinc_interp_hann": the sum over all samples of a sinc under a Hann window."""
    cut_off, times = 0.99 * min(rate, new_rate), np.arange(-(-sound.shape[1] * new_rate // rate)) / new_rate
    t = np.clip((np.arange(sound.shape[1])[:, None] / rate - times) * cut_off, -64, 64)
    return sound.astype(np.float64) @ (np.sinc(t) * np.cos(t * np.pi / 128) ** 2 * (cut_off / rate))


@pytest.fixture
def without_torchaudio(monkeypatch):
    monkeypatch.setattr(resampling, "loadable_torchaudio", lambda: None)


def decibel_of_difference(a, b):
    inner = slice(400, -400)  # the ends see different padding
    return 10 * np.log10(np.mean((a - b)[:, inner] ** 2) / np.mean(b[:, inner] ** 2))


@pytest.mark.parametrize("rate", RATES)
def test_agrees_with_scipys_own_design(rate):
    sound = voice_band_noise(rate)
    reference = resample_poly(sound, 16_000, rate, axis=1, window=("kaiser", 8.0))
    ours = resample(sound, rate, 16_000)
    assert ours.shape == reference.shape
    assert decibel_of_difference(ours, reference) < -50


@pytest.mark.parametrize("rate", RATES)
def test_agrees_with_ffmpeg(rate):
    sound = voice_band_noise(rate)
    assert decibel_of_difference(resample(sound, rate, 16_000), resample_with_ffmpeg(sound, rate, 16_000)) < -50


@pytest.mark.parametrize(
    ("rate", "new_rate"), [*((rate, 16_000) for rate in RATES), (44_100, 48_000), (16_000, 22_050)]
)
def test_with_and_without_torchaudio_every_value_is_the_same(rate, new_rate, monkeypatch):
    torchaudio = loadable_torchaudio()
    if torchaudio is None:
        pytest.skip("torchaudio is not installed here or does not fit this build of torch")
    sound = (
        np.random.default_rng(rate).uniform(-1, 1, (2, rate * 9 // 2)).astype(np.float32)
    )  # all frequencies, two blocks
    by_torchaudio = resample(sound, rate, new_rate)
    monkeypatch.setattr(resampling, "loadable_torchaudio", lambda: None)
    np.testing.assert_allclose(resample(sound, rate, new_rate), by_torchaudio, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("rate", "new_rate"), [*((rate, 16_000) for rate in (*RATES, 44_099)), (16_000, 22_050)])
def test_every_value_without_torchaudio_is_what_its_definition_says(rate, new_rate, without_torchaudio):
    sound = np.random.default_rng(rate).uniform(-1, 1, (1, 1500)).astype(np.float32)
    made = resample(sound, rate, new_rate)
    np.testing.assert_allclose(made, as_defined(sound, rate, new_rate), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_blocks_leave_no_seams(rate, monkeypatch):
    sound = voice_band_noise(rate, seconds=3)
    whole = resample(sound, rate, 16_000)
    monkeypatch.setattr(resampling, "BLOCK_SECONDS", 1)
    np.testing.assert_allclose(resample(sound, rate, 16_000), whole, atol=1e-6)


def test_downsampling_removes_what_would_fold_back():
    t = np.arange(48_000) / 48_000
    assert (
        np.abs(resample(np.sin(2 * np.pi * 12_000 * t)[None].astype(np.float32), 48_000, 16_000)[:, 200:-200]).max()
        < 0.01
    )


def test_the_same_rate_is_returned_as_it_is():
    sound = voice_band_noise(16_000)
    assert resample(sound, 16_000, 16_000) is sound


def test_odd_rates_are_no_trouble():
    assert resample(voice_band_noise(44_099), 44_099, 16_000).shape[1] == -(-round(44_099 * 1.3) * 16_000 // 44_099)


def test_stereo_channels_stay_apart():
    sound = voice_band_noise(22_050, channels=2)
    both = resample(sound, 22_050, 16_000)
    for channel in range(2):
        np.testing.assert_array_equal(both[channel], resample(sound[[channel]], 22_050, 16_000)[0])


def test_mono_at_16k_is_the_resampled_mean():
    sound = voice_band_noise(44_100, channels=2)
    np.testing.assert_allclose(
        to_mono_16k(AudioClip(sound, 44_100)), resample(sound.mean(axis=0)[None], 44_100, 16_000)[0], atol=1e-6
    )


def test_mono_is_the_mean_of_the_channels():
    sound = voice_band_noise(16_000, channels=2)
    np.testing.assert_allclose(to_mono_16k(AudioClip(sound, 16_000)), sound.mean(axis=0))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("samples", [1, 7, 4_801])
def test_the_table_of_phases_makes_what_the_filter_makes(rate, samples):
    up, down = (part // math.gcd(rate, ENCODER_RATE) for part in (ENCODER_RATE, rate))
    kernel = sinc_kernel(up, down)
    noise = np.random.default_rng(samples).normal(size=(2, samples)).astype(np.float32)
    by_table = filtered_by_table(phase_table(kernel, up, down), up, down, noise)
    assert np.abs(by_table - filtered_by_scipy(kernel, up, down, noise)).max() < 1e-6


def test_usual_rates_import_no_scipy_signal():
    code = (
        "import sys, numpy as np; from sonic_core.audio.resampling import resample;"
        "sys.modules['torchaudio'] = None;"
        "[resample(np.zeros((1, rate), np.float32), rate, 16000) for rate in (8000, 22050, 24000, 44100, 48000)];"
        "print('scipy.signal' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
