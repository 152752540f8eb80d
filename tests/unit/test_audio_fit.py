"""Fitting the recording to the requested duration."""

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.fit import fit_duration
from sonic_core.errors import DurationMismatchError, SettingsError

CLIP = AudioClip(np.full((1, 32_000), 0.1, np.float32), 16_000, "voice.wav")


def test_zero_means_the_length_of_the_audio():
    assert fit_duration(CLIP, 0) is CLIP


def test_a_difference_within_a_tenth_of_a_second_is_rounding():
    assert fit_duration(CLIP, 2.1) is CLIP


@pytest.mark.parametrize("duration", [1.8, 2.11, 7])
def test_strict_refuses_and_names_both_numbers(duration):
    with pytest.raises(DurationMismatchError, match=rf"{duration:.2f} s but voice.wav is 2.00 s"):
        fit_duration(CLIP, duration)


def test_trim_cuts_the_recording():
    cut = fit_duration(CLIP, 1.25, "trim")
    assert cut.duration == 1.25
    assert "cut from 2.00 s to 1.25 s" in cut.notes[0]


def test_pad_adds_silence():
    padded = fit_duration(CLIP, 3, "pad")
    assert padded.duration == 3
    assert not padded.samples[:, 32_000:].any()
    assert padded.samples[:, :32_000].all()


def test_trim_keeps_a_shorter_recording_and_says_so():
    kept = fit_duration(CLIP, 3, "trim")
    assert kept.duration == 2
    assert "shorter than the 3.00 s" in kept.notes[0]


def test_pad_keeps_a_longer_recording_and_says_so():
    kept = fit_duration(CLIP, 1, "pad")
    assert kept.duration == 2
    assert "longer than the 1.00 s" in kept.notes[0]


@pytest.mark.parametrize("policy", ["strict", "trim", "pad"])
def test_a_duration_too_short_to_animate_is_refused(policy):
    with pytest.raises(SettingsError, match=r"duration is 0\.01 s; at least 0\.1 s"):
        fit_duration(CLIP, 0.01, policy)


def test_an_unknown_policy_is_refused():
    with pytest.raises(SettingsError, match="strict, trim, pad"):
        fit_duration(CLIP, 1, "stretch")
