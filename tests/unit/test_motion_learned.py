"""Learned motion on the bundled recording: lips locked to the voice, head free, any length, the same again for the same seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sonic_core
from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.emotion import Emotion
from sonic_core.engines.lite.lip_parting import lip_opening
from sonic_core.engines.lite.motion import SpeechMotion, learned_motion
from sonic_core.engines.lite.motion_rules import HEAD
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.hearing.lip_motion import MOUTH, closure_events, lip_motion
from sonic_core.settings import Settings

SPEECH = Path(sonic_core.__file__).parent / "samples" / "speech.wav"
QUICK = Settings(inference_steps=10)


@pytest.fixture(scope="module")
def model() -> SpeechMotion:
    torch.set_num_threads(1)
    return SpeechMotion.load()


@pytest.fixture(scope="module")
def speech() -> AudioClip:
    return load_audio(SPEECH)


@pytest.fixture(scope="module")
def track(model, speech) -> np.ndarray:
    return move(model, speech)


def move(model: SpeechMotion, clip: AudioClip, settings: Settings = QUICK, **others) -> np.ndarray:
    return learned_motion(clip, clip.frame_count(25), settings, model=model, **others)


def column(motion: np.ndarray, name: str) -> np.ndarray:
    return motion[:, PARAMETER_INDEX[name]]


def repeated(clip: AudioClip, seconds: float) -> AudioClip:
    count = int(seconds * clip.rate)
    return clip.with_samples(np.tile(clip.samples, (1, count // clip.samples.shape[1] + 1))[:, :count])


def test_a_row_for_every_frame_within_every_range(track, speech):
    assert track.shape == (speech.frame_count(25), len(PARAMETERS))
    assert track.dtype == np.float32
    assert np.isfinite(track).all()
    for parameter in PARAMETERS:
        assert column(track, parameter.name).min() >= parameter.low
        assert column(track, parameter.name).max() <= parameter.high


def test_the_same_seed_gives_the_same_motion(model, speech, track):
    assert np.array_equal(track, move(model, speech))


def test_another_seed_moves_another_head_but_the_same_lips(model, speech, track):
    other = move(model, speech, replace(QUICK, seed=1))
    assert np.corrcoef(lip_opening(track), lip_opening(other))[0, 1] > 0.97
    assert np.abs(lip_opening(track) - lip_opening(other)).mean() < 0.15 * lip_opening(track).mean()
    for name in ("yaw", "gaze_x", "brow"):
        assert np.corrcoef(column(track, name), column(other, name))[0, 1] < 0.8
    assert not np.array_equal(column(track, "blink_l"), column(other, "blink_l"))


def test_diffusion_keeps_the_mouth_that_was_heard(model, speech, track):
    mouth = lip_motion(model.listen(speech, speech.frame_count(25)).articulation, len(track))
    opening = mouth[:, MOUTH.index("jaw")] * (1 - mouth[:, MOUTH.index("close")])
    assert np.corrcoef(opening, lip_opening(track))[0, 1] > 0.95


def test_lips_close_on_every_bilabial_that_was_heard(model, speech, track):
    events = closure_events(model.listen(speech, speech.frame_count(25)).articulation)
    assert len(events) >= 3
    for start, end in events:
        frames = column(track, "close")[max(0, round(start * 25) - 1) : round(end * 25) + 2]
        assert (frames > 0.99).sum() >= 2


@pytest.mark.parametrize("sound", ["silence", "noise", "chords"])
def test_the_mouth_rests_when_nobody_speaks(model, track, sound):
    t = np.arange(6 * 16_000) / 16_000
    samples = {
        "silence": np.zeros_like(t),
        "noise": 0.05 * np.random.default_rng(0).standard_normal(len(t)),
        "chords": 0.1 * sum(np.sin(2 * np.pi * f * t) * np.exp(-3 * (t % 0.5)) for f in (220, 277, 330)),
    }[sound]
    motion = move(model, AudioClip(samples[None].astype(np.float32), 16_000))
    assert lip_opening(motion).mean() < 0.12 * lip_opening(track).mean()
    assert column(motion, "blink_l").max() > 0.9


def test_no_head_motion_still_blinks_and_speaks(model, speech, track):
    still = move(model, speech, replace(QUICK, motion_scale=0))
    assert all(np.all(column(still, name) == 0) for name in HEAD)
    assert np.array_equal(column(still, "blink_l"), column(track, "blink_l"))
    assert np.array_equal(lip_opening(still), lip_opening(track))


def test_dynamic_scale_opens_the_mouth_and_leaves_the_head(model, speech):
    small, large = (move(model, speech, replace(QUICK, dynamic_scale=s)) for s in (0.8, 1.2))
    assert lip_opening(large).mean() == pytest.approx(1.5 * lip_opening(small).mean(), rel=0.1)
    for name in (*HEAD, "gaze_x", "blink_l"):
        assert np.array_equal(column(small, name), column(large, name))


def test_steps_matter(model, speech, track):
    few = move(model, speech, replace(QUICK, inference_steps=2))
    assert not np.array_equal(few, track)


def test_a_long_recording_moves_without_seams(model, speech):
    """Windows of the sampler and blocks of the encoder end in many places of a minute; nothing jumps there."""
    motion = move(model, repeated(speech, 65))
    assert len(motion) == 65 * 25
    most = {"yaw": 2.5, "pitch": 2.5, "roll": 2.0, "tx": 0.02, "ty": 0.02, "brow": 0.25, "jaw": 0.45}
    for name, limit in most.items():
        assert np.abs(np.diff(column(motion, name))).max() < limit
    blinks = np.flatnonzero((column(motion, "blink_l")[1:] > 0.5) & (column(motion, "blink_l")[:-1] <= 0.5)) / 25
    assert np.diff(blinks).min() >= 1.9
    assert np.diff(blinks).max() <= 6.3


def test_the_face_keeps_moving_and_does_not_repeat_itself(model, speech):
    motion = move(model, repeated(speech, 60))
    halves = [column(motion, "yaw")[i : i + 700] for i in (0, 750)]
    assert all(half.std() > 0.4 for half in halves)
    assert abs(np.corrcoef(*halves)[0, 1]) < 0.8


def test_video_rates_other_than_25_show_the_same_motion(model, speech, track):
    count = speech.frame_count(50)
    double = learned_motion(speech, count, QUICK, fps=50, model=model)
    assert len(double) == count
    usable = min(len(track), (count + 1) // 2)
    assert np.allclose(double[::2][:usable], track[:usable], atol=1e-4)


def test_after_the_recording_the_face_comes_to_rest(model, speech):
    motion = learned_motion(speech, speech.frame_count(25) + 50, QUICK, model=model)
    assert lip_opening(motion)[-40:].max() < 0.02


def test_an_emotion_shows_and_lips_still_close(model, speech, track):
    happy = move(model, speech, emotion=Emotion("happy", 1.0))
    assert column(happy, "smile")[30:].mean() > column(track, "smile")[30:].mean() + 0.2
    assert np.array_equal(column(happy, "close"), column(track, "close"))


def test_a_clip_of_a_tenth_of_a_second_moves(model):
    motion = move(model, AudioClip(np.full((1, 1600), 0.01, np.float32), 16_000))
    assert motion.shape == (2, len(PARAMETERS))
