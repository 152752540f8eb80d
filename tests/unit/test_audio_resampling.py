"""Resampling: both ways against scipy's polyphase filter, and what they must keep."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import (
    convert_with_pyav,
    convert_with_torchaudio,
    loadable_torchaudio,
    resample,
    source_of,
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


def resample_with_pyav(sound, rate, new_rate):
    return convert_with_pyav(source_of(sound, rate), new_rate)


def resample_with_torchaudio(torchaudio, sound, rate, new_rate):
    return convert_with_torchaudio(torchaudio, source_of(sound, rate), new_rate)


def decibel_of_difference(a, b):
    inner = slice(400, -400)  # the ends see different padding
    return 10 * np.log10(np.mean((a - b)[:, inner] ** 2) / np.mean(b[:, inner] ** 2))


@pytest.mark.parametrize("rate", RATES)
def test_pyav_agrees_with_scipy(rate):
    sound = voice_band_noise(rate)
    reference = resample_poly(sound, 16_000, rate, axis=1, window=("kaiser", 8.0))
    ours = resample_with_pyav(sound, rate, 16_000)
    assert ours.shape == reference.shape
    assert decibel_of_difference(ours, reference) < -50


@pytest.mark.parametrize("rate", RATES)
def test_torchaudio_agrees_with_pyav(rate):
    torchaudio = loadable_torchaudio()
    if torchaudio is None:
        pytest.skip("torchaudio is not installed here or does not fit this build of torch")
    sound = voice_band_noise(rate)
    ours = resample_with_torchaudio(torchaudio, sound, rate, 16_000)
    assert decibel_of_difference(ours, resample_with_pyav(sound, rate, 16_000)) < -50


def test_torchaudio_blocks_leave_no_seams(monkeypatch):
    torchaudio = loadable_torchaudio()
    if torchaudio is None:
        pytest.skip("torchaudio is not installed here or does not fit this build of torch")
    sound = voice_band_noise(22_050, seconds=3)
    whole = resample_with_torchaudio(torchaudio, sound, 22_050, 16_000)
    monkeypatch.setattr("sonic_core.audio.resampling.BLOCK_SECONDS", 1)
    np.testing.assert_allclose(resample_with_torchaudio(torchaudio, sound, 22_050, 16_000), whole, atol=1e-5)


def test_pyav_blocks_leave_no_seams(monkeypatch):
    sound = voice_band_noise(22_050, seconds=3)
    whole = resample_with_pyav(sound, 22_050, 16_000)
    monkeypatch.setattr("sonic_core.audio.resampling.BLOCK_SECONDS", 1)
    np.testing.assert_allclose(resample_with_pyav(sound, 22_050, 16_000), whole, atol=1e-6)


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
    both = resample_with_pyav(sound, 22_050, 16_000)
    for channel in range(2):
        np.testing.assert_array_equal(both[channel], resample_with_pyav(sound[[channel]], 22_050, 16_000)[0])


def test_mono_at_16k_is_the_resampled_mean():
    sound = voice_band_noise(44_100, channels=2)
    np.testing.assert_allclose(
        to_mono_16k(AudioClip(sound, 44_100)), resample(sound.mean(axis=0)[None], 44_100, 16_000)[0], atol=1e-6
    )


def test_mono_is_the_mean_of_the_channels():
    sound = voice_band_noise(16_000, channels=2)
    np.testing.assert_allclose(to_mono_16k(AudioClip(sound, 16_000)), sound.mean(axis=0))
