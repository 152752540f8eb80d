"""The lite engine live: lips as offline, closures, rest, life in silence, interruption, no seams."""

import numpy as np
import pytest
import torch
from sonic_samples import portrait

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.audio.resampling import resample, to_mono_16k
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.lite.lip_parting import lip_opening
from sonic_core.engines.lite.live.bearing import Bearing
from sonic_core.engines.lite.live.lids import Lids
from sonic_core.engines.lite.live.networks import LiveNetworks
from sonic_core.engines.lite.live.performance import LOOK_AHEAD, LitePerformance
from sonic_core.engines.lite.live.voice import Voice
from sonic_core.engines.lite.motion import SpeechMotion, learned_motion
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.hearing.encoders import levelled
from sonic_core.hearing.lip_motion import closure_events
from sonic_core.hearing.lip_reader import Articulation
from sonic_core.hearing.lip_reader_module import LipReader
from sonic_core.hearing.streaming import StreamingReader, silent_outputs
from sonic_core.hearing.whisper import WhisperEncoder
from sonic_core.live.intake import Intake
from sonic_core.samples import SPEECH
from sonic_core.settings import Settings

FRAME, STEP = 640, 1280


@pytest.fixture(scope="module")
def networks():
    torch.set_num_threads(1)
    return LiveNetworks.load()


@pytest.fixture(scope="module")
def speech():
    """A second of silence, three of speech, two of silence."""
    return np.concatenate([np.zeros(16_000), to_mono_16k(load_audio(SPEECH))[:48_000], np.zeros(32_000)]).astype(
        np.float32
    )


def perform(performance, sound, at_once=STEP):
    """Motion of the sound, and of what comes after its end is left out: frame i belongs to frame i of the sound."""
    padded = np.pad(sound, (0, -len(sound) % at_once + at_once))
    moments = [m for i in range(0, len(padded), at_once) for m in performance.hear(padded[i : i + at_once])]
    return moments[LOOK_AHEAD : LOOK_AHEAD + len(sound) // FRAME]


def poses(moments):
    return np.stack([moment.pose for moment in moments])


def column(track, name):
    return track[:, PARAMETER_INDEX[name]]


@pytest.fixture(scope="module")
def moments(networks, speech):
    return perform(LitePerformance(networks, Settings()), speech)


@pytest.fixture(scope="module")
def track(moments):
    return poses(moments)


def test_lips_are_those_of_the_whole_recording(track, speech):
    whole = learned_motion(AudioClip(speech[None], 16_000), len(speech) // FRAME, Settings(inference_steps=10))
    assert np.corrcoef(lip_opening(track), lip_opening(whole))[0, 1] > 0.85


def test_every_bilabial_is_closed(networks, track, speech):
    reader = StreamingReader(networks.few_states)
    outputs = [reader.hear(speech[i : i + STEP], 0) for i in range(0, len(speech) // STEP * STEP, STEP)]
    events = closure_events(Articulation.from_outputs(torch.cat(outputs).numpy()))
    assert len(events) >= 2
    for start, end in events:
        near = lip_opening(track)[max(0, round(start * 25) - 2) : round(end * 25) + 3]
        assert near.min() < 0.02


def test_the_mouth_rests_in_silence_and_speaking_says_when(track, moments):
    assert lip_opening(track)[:20].max() < 0.01
    assert lip_opening(track)[-30:].max() < 0.01
    speaking = np.array([moment.speaking for moment in moments])
    assert not speaking[:22].any()
    assert speaking[28:98].mean() > 0.8
    assert not speaking[-40:].any()


def test_silence_lives(networks):
    track = poses(perform(LitePerformance(networks, Settings()), np.zeros(16_000 * 14, np.float32)))
    assert lip_opening(track).max() < 0.01
    head = track[25:, [PARAMETER_INDEX[name] for name in ("yaw", "pitch", "ty")]]
    moves = np.abs(np.diff(head, axis=0)).max(1)
    assert (moves > 1e-5).all()  # no freeze
    assert moves.max() < 0.6  # no jump, degrees a frame
    falling = np.flatnonzero(np.diff((column(track, "blink_l") > 0.5).astype(int)) > 0)
    assert 2 <= len(falling) <= 7
    assert np.diff(falling).min() >= 50


def test_nothing_jumps_where_windows_join_or_speech_begins(track):
    for name, most in (("yaw", 0.5), ("pitch", 0.5), ("roll", 0.5), ("tx", 0.004), ("ty", 0.004), ("rest", 0.11)):
        assert np.abs(np.diff(column(track, name))).max() < most, name
    # frames are settled two at a time: steps inside a pair and between pairs are alike
    speed = np.abs(np.diff(column(track, "yaw")[25:]))
    assert speed[::2].mean() == pytest.approx(speed[1::2].mean(), rel=0.35)
    low, high = (np.array([getattr(p, side) for p in PARAMETERS]) for side in ("low", "high"))
    assert ((track >= low) & (track <= high)).all()


def test_an_interruption_brings_the_mouth_to_rest_within_two_frames(networks, speech):
    performance = LitePerformance(networks, Settings())
    before = poses(performance.hear(speech[: STEP * (2 * 25 // 2)]))  # two seconds: in the middle of a word
    assert lip_opening(before)[-1] > 0.02
    performance.interrupt(1)
    after = poses(performance.hear(np.zeros(STEP * 15, np.float32)))
    assert lip_opening(after)[1:].max() < 0.01
    head = np.concatenate([before[-2:-1], after])
    assert np.abs(np.diff(column(head, "yaw"))).max() < 0.8
    again = poses(perform(performance, speech[16_000:48_000]))
    assert lip_opening(again).max() > 0.15  # and it speaks again


def test_the_same_seed_moves_alike_and_another_does_not(networks, speech):
    one, same, other = (
        poses(perform(LitePerformance(networks, Settings(seed=seed)), speech[:48_000])) for seed in (4, 4, 5)
    )
    assert np.array_equal(one, same)
    assert np.abs(column(one, "yaw") - column(other, "yaw")).max() > 0.2


def test_several_steps_at_once_say_the_same(networks, speech):
    by_two = poses(perform(LitePerformance(networks, Settings()), speech[:64_000]))
    by_eight = poses(perform(LitePerformance(networks, Settings()), speech[:64_000], 4 * STEP))
    assert np.corrcoef(lip_opening(by_two), lip_opening(by_eight[: len(by_two)]))[0, 1] > 0.95


def test_settings_change_without_a_jump(networks):
    performance = LitePerformance(networks, Settings(motion_scale=0))
    silence = np.zeros(STEP * 15, np.float32)
    before = poses(performance.hear(silence))
    assert not column(before, "yaw").any()
    performance.adjust(Settings(motion_scale=2, emotion="happy", emotion_strength=1, seed=9))
    after = poses(performance.hear(silence) + performance.hear(silence))
    assert column(after, "smile")[-1] > 0.5
    for name, most in (("smile", 0.1), ("yaw", 0.8)):
        assert np.abs(np.diff(column(np.concatenate([before, after]), name))).max() < most


def test_states_heard_in_steps_are_those_of_the_whole(networks, speech):
    sound = speech[16_000:48_000]
    with torch.no_grad():
        whole = LipReader.load()(torch.from_numpy(WhisperEncoder.load().states(levelled(sound)))[None])[0]
    reader, heard = StreamingReader(networks.few_states), []
    for i in range(0, len(sound), STEP):
        heard.append(reader.hear(sound[i : i + STEP], 4)[:4])
    streamed = Articulation.from_outputs(torch.cat(heard)[4:].numpy())
    offline = Articulation.from_outputs(whole[: len(streamed)].numpy())
    assert np.corrcoef(streamed.open, offline.open)[0, 1] > 0.9
    assert np.corrcoef(streamed.closure, offline.closure)[0, 1] > 0.85


def test_long_speech_is_heard_on_when_all_places_are_used(networks, speech):
    reader = StreamingReader(networks.few_states)
    sound = np.tile(speech[16_000:48_000], 8)  # 16 s: past 500 places
    outputs = [reader.hear(sound[i : i + STEP], 0) for i in range(0, len(sound), STEP)]
    opened = Articulation.from_outputs(torch.cat(outputs).numpy()).open
    assert np.corrcoef(opened[100:200], opened[700:800])[0, 1] > 0.9


def test_silence_is_not_listened_to(networks):
    reader = StreamingReader(networks.few_states)
    assert torch.equal(reader.hear(np.full(STEP, 1e-5, np.float32), 4), silent_outputs(8))


def test_blinks_come_between_two_and_six_seconds_apart():
    lids = Lids(np.random.default_rng(0))
    closed = np.array([lids.next(0.0, pause=i % 500 > 250, seconds=0.04) for i in range(5_000)])
    begun = np.flatnonzero((closed[1:] > 0.5) & (closed[:-1] <= 0.5)) / 25
    assert np.diff(begun).min() >= 2
    assert np.diff(begun).max() <= 6
    assert closed.max() == 1


@pytest.mark.parametrize("fault", ["8 kHz telephone", "clipped", "the rate changes in mid-word"])
def test_poor_sound_is_spoken_like_good_sound(networks, track, speech, fault):
    intake = Intake(48_000, longest=10)
    half = len(speech) // 2
    if fault == "8 kHz telephone":
        intake.push(resample(speech[None], 16_000, 8_000)[0], 8_000)
    elif fault == "clipped":
        intake.push(np.clip(6 * speech, -0.5, 0.5), 16_000)
    else:
        intake.push(speech[:half], 16_000)
        intake.push(resample(speech[None, half:], 16_000, 44_100)[0], 44_100)
    intake.end()
    heard = intake.take(intake.ticks).heard[: len(speech)]
    poor = poses(perform(LitePerformance(networks, Settings()), heard))
    length = min(len(poor), len(track))
    assert np.corrcoef(lip_opening(poor)[:length], lip_opening(track)[:length])[0, 1] > 0.8
    assert lip_opening(poor)[:20].max() < 0.02
    assert lip_opening(poor)[-30:].max() < 0.02


def test_that_another_runtime_does_not_move_the_face_is_a_note_of_the_stage(networks, monkeypatch):
    monkeypatch.setattr(LiteEngine, "_live_networks", networks)
    silent = SpeechMotion(None, None, None, None)
    small = Settings(min_resolution=256, framing="face")
    torch_notes, notes = (LiteEngine(silent, runtime=name).stage(portrait(), small).notes for name in ("torch", "onnx"))
    assert notes == (
        *torch_notes,
        "Motion is run by torch while the sound arrives; the runtime onnx reads the picture alone.",
    )


def test_another_seed_blinks_at_other_moments():
    def blinks(seed):
        bearing, frames = Bearing(Settings(seed=1)), 200
        bearing.adjust(Settings(seed=seed))
        silence = Voice().hear(np.zeros(FRAME, np.float32), frames)
        quiet = np.zeros((frames, len(PARAMETERS)), np.float32)
        track = bearing.settle(quiet, 0, frames, silence, np.ones(frames, bool))
        return tuple(np.flatnonzero(column(track, "blink_l") > 0.5))

    assert blinks(1) != blinks(2)
