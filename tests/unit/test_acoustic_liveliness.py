"""Blinks, gaze, brows and head: natural in rate and speed, still where they must be, from the seed alone."""

import numpy as np
import pytest

from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from tests.benchmarks.acoustic.liveliness import Prosody, add_liveliness

FPS = 25.0
HEAD = ["yaw", "pitch", "roll", "tx", "ty"]
SEEDS = range(12)


def prosody(seconds, fps=FPS):
    """Two-second phrases with a stressed syllable every 0.4 s and half a second between them."""
    t = np.arange(round(seconds * fps)) / fps
    voice = (t % 2.5 < 2).astype(np.float32)
    return Prosody(voice, (voice * (0.4 + 0.4 * np.sin(2 * np.pi * 2.5 * t))).astype(np.float32), fps)


def lively(seconds, seed=0, motion=1.0, expression=1.0, fps=FPS):
    speech = prosody(seconds, fps)
    track = add_liveliness(np.zeros((len(speech.voice), len(PARAMETERS)), np.float32), speech, seed, motion, expression)
    return {p.name: track[:, i] for i, p in enumerate(PARAMETERS)}


def blink_starts(curve, fps=FPS):
    shut = curve > 0.5
    return np.flatnonzero(shut[1:] & ~shut[:-1]) / fps


@pytest.mark.parametrize("seed", SEEDS)
def test_a_blink_every_two_to_six_seconds(seed):
    intervals = np.diff(blink_starts(lively(120, seed)["blink_l"]))
    assert intervals.min() >= 2 - 0.08
    assert intervals.max() <= 6 + 0.08
    assert intervals.std() > 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_short_clip_has_one_blink_at_most(seed):
    assert len(blink_starts(lively(2.9, seed)["blink_l"])) <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_blinks_are_complete_and_end_open(seed):
    for seconds in (1.0, 2.5, 4.0, 9.0):
        curves = lively(seconds, seed)
        assert curves["blink_l"][-1] < 0.2
        assert curves["blink_l"].max() in (0, pytest.approx(1, abs=0.1))


def test_a_blink_closes_faster_than_it_opens():
    curve = lively(6, fps=200)["blink_l"]
    top = np.flatnonzero(curve > 0.99)
    first = np.flatnonzero(curve > 0.02)[0]
    after = top[0] + np.argmax(curve[top[0] :] < 0.02)
    last_shut = top[top < after][-1]
    assert (top[0] - first) / 200 == pytest.approx(0.08, abs=0.02)
    assert (after - last_shut) / 200 == pytest.approx(0.16, abs=0.04)


def test_both_eyes_blink_nearly_together():
    curves = lively(30)
    assert len(blink_starts(curves["blink_l"])) == len(blink_starts(curves["blink_r"]))
    assert 0 < np.abs(curves["blink_l"] - curves["blink_r"]).max() < 0.35


def test_without_head_motion_the_head_is_exactly_still_and_the_eyes_blink():
    curves = lively(10, motion=0.0)
    for name in HEAD:
        assert not curves[name].any(), name
    assert len(blink_starts(curves["blink_l"])) >= 1
    assert curves["gaze_x"].std() > 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_the_head_starts_neutral_and_moves_smoothly(seed):
    curves = lively(60, seed)
    for name in HEAD:
        assert curves[name][0] == 0
    for name, amplitude, speed in (("yaw", 6, 15), ("pitch", 6, 25), ("roll", 5, 15)):
        assert 0.5 < np.abs(curves[name]).max() < amplitude, name
        assert np.abs(np.diff(curves[name])).max() * FPS < speed, name  # degrees per second
    assert np.abs(curves["tx"]).max() < 0.05


def test_the_head_has_not_left_yet_in_the_first_frames():
    curves = lively(10)
    assert max(np.abs(curves[name][:3]).max() for name in ("yaw", "pitch", "roll")) < 0.3


def test_motion_scale_is_the_amplitude_of_the_head_alone():
    one, two = lively(10, motion=1.0), lively(10, motion=2.0)
    np.testing.assert_allclose(two["yaw"], 2 * one["yaw"], rtol=1e-5)
    np.testing.assert_array_equal(two["blink_l"], one["blink_l"])
    np.testing.assert_array_equal(two["brow"], one["brow"])


def test_expression_scale_is_the_amplitude_of_the_brows():
    one, half = lively(10, expression=1.0), lively(10, expression=0.5)
    np.testing.assert_allclose(half["brow"], one["brow"] / 2, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(half["yaw"], one["yaw"])


def test_brows_rise_on_an_emphasised_syllable():
    voice = np.ones(250, np.float32)
    stress = np.full(250, 0.3, np.float32)
    stress[120:128] = 1
    track = add_liveliness(np.zeros((250, len(PARAMETERS)), np.float32), Prosody(voice, stress, FPS), 0, 1, 1)
    brow = track[:, PARAMETER_INDEX["brow"]]
    assert brow[120:130].max() > brow[60:100].max() + 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_glances_are_small_and_come_back(seed):
    curves = lively(60, seed, motion=0.0)
    assert np.abs(curves["gaze_x"]).max() <= 0.7 + 1e-6
    assert np.mean(np.abs(curves["gaze_x"]) < 0.05) > 0.2


def test_the_eyes_stay_on_the_viewer_while_the_head_turns():
    still, turning = lively(30, motion=0.0), lively(30, motion=1.0)
    reflex = turning["gaze_x"] - still["gaze_x"]
    assert np.corrcoef(reflex, turning["yaw"])[0, 1] < -0.95


def test_the_same_seed_is_the_same_life():
    for name, curve in lively(10, seed=3).items():
        np.testing.assert_array_equal(curve, lively(10, seed=3)[name])


def test_the_mouth_is_left_alone():
    speech = prosody(4)
    track = np.full((len(speech.voice), len(PARAMETERS)), 0.3, np.float32)
    made = add_liveliness(track, speech, 0, 1, 1)
    np.testing.assert_array_equal(made[:, : PARAMETER_INDEX["blink_l"]], track[:, : PARAMETER_INDEX["blink_l"]])
    assert (track == np.float32(0.3)).all()


def test_a_beginning_does_not_depend_on_the_length_of_the_clip():
    short, long = lively(10, seed=5), lively(20, seed=5)
    np.testing.assert_allclose(short["tx"][:200], long["tx"][:200], atol=1e-4)
    np.testing.assert_allclose(short["gaze_x"][:200], long["gaze_x"][:200], atol=0.02)
