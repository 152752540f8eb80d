"""What holds whatever the networks say: tried on motion and articulation that are made up to break it."""

import numpy as np
import pytest

from sonic_core.engines.lite.emotion import EMOTIONS, Emotion, heard_in, with_emotion
from sonic_core.engines.lite.lip_parting import lip_opening, parted_as_heard
from sonic_core.engines.lite.motion_rules import (
    HEAD,
    at_rest_in_silence,
    blink_times,
    blinking_naturally,
    closed_on_bilabials,
    eyes_against_head,
    looking_in_fixations,
    moving_smoothly,
    scaled,
)
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.engines.lite.prosody import read_prosody
from sonic_core.errors import SettingsError
from sonic_core.hearing.lip_motion import MOUTH, closures, lip_motion, speech_activity
from sonic_core.hearing.lip_reader import PHONES, Articulation

FPS = 25.0


def heard(seconds: float, spans: dict[str, list[tuple[float, float]]], otherwise: str = "AH") -> Articulation:
    """Articulation in which `otherwise` is spoken except for the given phones at the given seconds."""
    count = int(seconds * 50)
    phones = np.full((count, len(PHONES)), 0.001, np.float32)
    names = np.full(count, otherwise, dtype=object)
    for phone, times in spans.items():
        for start, end in times:
            names[round(start * 50) : round(end * 50)] = phone
    phones[np.arange(count), [PHONES.index(n) for n in names]] = 1
    phones /= phones.sum(1, keepdims=True)
    shut = np.isin(names, ["P", "B", "M"]).astype(np.float32)
    opening = np.where(np.isin(names, ["SIL", "P", "B", "M"]), 0.0, 0.7).astype(np.float32)
    bite = np.isin(names, ["F", "V"]).astype(np.float32)
    return Articulation(opening, np.zeros(count, np.float32), shut, bite, phones)


def wild(frames: int, seed: int = 0) -> np.ndarray:
    """A track far outside every range."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((frames, len(PARAMETERS))) * 2).astype(np.float32)


def column(track: np.ndarray, name: str) -> np.ndarray:
    return track[:, PARAMETER_INDEX[name]]


@pytest.mark.parametrize("start", [1.0, 1.01, 1.02, 1.03])
@pytest.mark.parametrize("length", [0.04, 0.06, 0.1, 0.2])
def test_lips_close_for_at_least_two_frames_on_every_bilabial(start, length):
    speech = heard(3, {"M": [(start, start + length)]})
    closed = column(closed_on_bilabials(wild(75), speech, FPS), "close") >= 1
    around = closed[round(start * FPS) - 2 : round((start + length) * FPS) + 2]
    assert around.sum() >= 2


def test_a_closure_sits_on_its_sound():
    close = closures(heard(4, {"P": [(2.0, 2.12)]}), 100, FPS)
    middle = np.flatnonzero(close >= 1).mean() / FPS
    assert middle == pytest.approx(2.06, abs=0.025)


def test_lips_do_not_close_where_no_bilabial_is_heard():
    track = closed_on_bilabials(np.ones((75, len(PARAMETERS)), np.float32), heard(3, {}), FPS)
    assert column(track, "close").max() <= 0.2


def test_mouth_rests_in_silence_and_not_in_the_closure_of_a_stop():
    speech = heard(4, {"SIL": [(1.0, 2.0), (3.0, 3.1)]})
    track = at_rest_in_silence(np.ones((100, len(PARAMETERS)), np.float32), speech, FPS)
    for name in MOUTH:
        silent = slice(33, 43) if name == "rest" else slice(28, 48)
        assert np.abs(column(track, name)[silent]).max() < 0.02
    assert column(track, "jaw")[76:78].min() > 0.5
    assert speech_activity(heard(4, {}, "SIL")).max() < 0.02


def test_a_breath_does_not_bring_the_pictures_own_smile_back():
    track = at_rest_in_silence(np.ones((100, len(PARAMETERS)), np.float32), heard(4, {"SIL": [(1.0, 1.5)]}), FPS)
    assert column(track, "rest")[20:45].min() > 0.4
    assert column(track, "jaw")[30:34].max() < 0.02


@pytest.mark.parametrize("wanted", ["never", "always", "noise", "twice a second"])
def test_blinks_come_every_two_to_six_seconds(wanted):
    frames = 60 * 25
    lids = {
        "never": np.zeros(frames),
        "always": np.ones(frames),
        "noise": np.random.default_rng(0).random(frames),
        "twice a second": (np.arange(frames) % 12 < 3).astype(float),
    }[wanted]
    times = np.array(blink_times(lids, np.zeros(frames, bool), FPS))
    assert np.diff(times).min() >= 2 - 1e-6
    assert np.diff(times).max() <= 6.2
    assert times[0] <= 6
    assert times[-1] >= 60 - 8.2


@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.9])
def test_a_short_clip_has_one_blink_at_most(seconds):
    frames = round(seconds * FPS)
    assert len(blink_times(np.ones(frames), np.zeros(frames, bool), FPS)) <= 1
    assert len(blink_times(np.random.default_rng(1).random(frames), np.zeros(frames, bool), FPS)) <= 1


def test_a_blink_closes_the_eye_and_falls_faster_than_it_rises():
    track = np.zeros((200, len(PARAMETERS)), np.float32)
    for side in ("blink_l", "blink_r"):
        track[100:103, PARAMETER_INDEX[side]] = 1
    lid = column(blinking_naturally(track, heard(8, {}), FPS), "blink_l")
    peak = 95 + int(lid[95:112].argmax())
    assert lid[peak] > 0.9
    falling = peak - np.flatnonzero(lid[: peak + 1] < 0.05)[-1]
    rising = np.flatnonzero(lid[peak:] < 0.05)[0]
    assert falling < rising


def test_the_head_moves_without_jerks():
    track = moving_smoothly(wild(500), FPS)
    jitter = np.abs(np.diff(wild(500), 2, axis=0)).mean(0)
    for name in HEAD:
        assert np.abs(np.diff(column(track, name), 2)).mean() < 0.35 * jitter[PARAMETER_INDEX[name]]
        assert column(track, name)[0] == 0


def test_eyes_rest_and_jump_instead_of_drifting():
    frames = 500
    track = np.zeros((frames, len(PARAMETERS)), np.float32)
    track[:, PARAMETER_INDEX["gaze_x"]] = 0.5 * np.sin(np.arange(frames) / 40)
    steps = np.abs(np.diff(column(looking_in_fixations(track, FPS), "gaze_x")))
    assert (steps == 0).mean() > 0.9
    assert steps.max() > 0.13
    jumps = np.flatnonzero(steps > 0)
    assert np.diff(jumps).min() >= 7


def turning_head() -> np.ndarray:
    """Track of a head that turns by 7 degrees while the eyes' wish is to stay on one target."""
    track = np.zeros((100, len(PARAMETERS)), np.float32)
    track[:, PARAMETER_INDEX["yaw"]] = np.linspace(0, 7, 100)
    track[:, PARAMETER_INDEX["gaze_x"]] = np.linspace(0, -0.5, 100)
    return track


def test_eyes_stay_on_their_target_while_the_head_turns():
    moved = eyes_against_head(looking_in_fixations(turning_head(), FPS), motion_scale=1.0)
    assert np.allclose(column(moved, "gaze_x"), np.linspace(0, -0.5, 100), atol=1e-3)


def test_eyes_do_not_drift_in_a_head_that_is_held_still():
    moved = eyes_against_head(looking_in_fixations(turning_head(), FPS), motion_scale=0.0)
    assert np.abs(column(moved, "gaze_x")).max() < 1e-6


def test_a_sibilant_shows_its_teeth_by_the_lips_and_not_by_the_jaw():
    """The lower lip adds little to the opening that was heard: an s is not as open as a vowel."""
    track = np.zeros((2, len(PARAMETERS)), np.float32)
    track[:, PARAMETER_INDEX["jaw"]] = 0.15
    track[1, [PARAMETER_INDEX["lowdep"], PARAMETER_INDEX["upraise"]]] = 0.3, 0.1
    moved = parted_as_heard(track)
    assert column(moved, "jaw")[1] < 0.7 * column(moved, "jaw")[0]
    assert column(moved, "lowdep")[1] == pytest.approx(0.3)
    added = [np.diff(lip_opening(t))[0] for t in (track, moved)]
    assert 0 < added[1] < 0.6 * added[0]


def test_lips_that_were_heard_shut_are_not_parted_by_the_lower_lip():
    track = wild(50)
    track[:, PARAMETER_INDEX["jaw"]] = 0
    assert np.all(lip_opening(parted_as_heard(track)) == 0)


def test_scales_change_their_own_part_and_nothing_else():
    track = np.abs(wild(50))
    wide, still = scaled(track, 1.5, 1.0), scaled(track, 1.0, 0.0)
    untouched = ["close", "blink_l", "blink_r", "gaze_x", "gaze_y"]
    for name in [*untouched, *HEAD]:
        assert np.array_equal(column(wide, name), column(track, name))
    for name in [*untouched, *MOUTH, "brow"]:
        assert np.array_equal(column(still, name), column(track, name))
    assert all(np.all(column(still, name) == 0) for name in HEAD)
    assert np.allclose(column(wide, "jaw"), 1.5 * column(track, "jaw"))


def test_the_mouth_opens_for_vowels_and_not_in_silence():
    speech = heard(3, {"SIL": [(0, 1)], "M": [(2.0, 2.1)]})
    mouth = lip_motion(speech, 75)
    jaw, close = mouth[:, MOUTH.index("jaw")], mouth[:, MOUTH.index("close")]
    assert jaw[:22].max() < 0.02
    assert jaw[35:45].min() > 0.25
    assert (jaw * (1 - close))[51] == 0


def tone(seconds: float, wobble: float) -> np.ndarray:
    """A voice-like tone whose pitch moves by `wobble` octaves."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    hertz = 120 * 2 ** (wobble * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(hertz) / 16_000
    return (0.2 * sum(np.sin(k * phase) / k for k in range(1, 8))).astype(np.float32)


def test_pitch_is_measured_in_octaves_from_the_median():
    prosody = read_prosody(tone(6, 0.25), 150)
    assert prosody.voiced.mean() > 0.9
    assert np.abs(np.percentile(prosody.pitch, [2, 98]) - [-0.25, 0.25]).max() < 0.06


def test_auto_emotion_follows_the_melody_of_the_voice():
    lively, flat = heard_in(read_prosody(tone(6, 0.45), 150)), heard_in(read_prosody(tone(6, 0.02), 150))
    assert lively["happy"] > 0.3 > lively["sad"]
    assert flat["sad"] > 0.2 > flat["happy"]


@pytest.mark.parametrize("name", [e for e in EMOTIONS if e not in ("neutral", "auto")])
def test_emotions_show_and_leave_closures_alone(name):
    prosody = read_prosody(tone(4, 0.1), 100)
    track = np.zeros((100, len(PARAMETERS)), np.float32)
    track[40:44, PARAMETER_INDEX["close"]] = 1
    moved = with_emotion(track, Emotion(name, 1.0), prosody, FPS)
    assert np.array_equal(column(moved, "close"), column(track, "close"))
    assert np.abs(moved[60:] - track[60:]).max() > 0.1
    opening = column(moved, "jaw") * (1 - column(moved, "close"))
    assert opening[40:44].max() == 0


def test_emotions_differ_where_a_viewer_looks_for_them():
    """At the default strength: lip corners up in joy and down in grief, brows together in anger and up in surprise."""
    prosody, still = read_prosody(tone(4, 0.1), 100), np.zeros((100, len(PARAMETERS)), np.float32)
    faces = {name: with_emotion(still, Emotion(name), prosody, FPS)[50] for name in EMOTIONS}
    smile, brow = PARAMETER_INDEX["smile"], PARAMETER_INDEX["brow"]
    assert faces["happy"][smile] > 0.3
    assert faces["sad"][smile] < -0.2
    assert faces["angry"][brow] < -0.25
    assert faces["surprised"][brow] > 0.4


def test_a_smile_does_not_twitch_at_every_closure():
    track = np.zeros((100, len(PARAMETERS)), np.float32)
    track[40:44, PARAMETER_INDEX["close"]] = 1
    smile = column(with_emotion(track, Emotion("happy"), read_prosody(tone(4, 0.1), 100), FPS), "smile")
    assert np.ptp(smile[35:50]) < 0.05


def test_no_strength_is_no_emotion():
    track = np.zeros((100, len(PARAMETERS)), np.float32)
    assert np.array_equal(with_emotion(track, Emotion("angry", 0.0), read_prosody(tone(4, 0.1), 100), FPS), track)


def test_an_unknown_emotion_lists_the_known_ones():
    with pytest.raises(SettingsError, match="surprised"):
        Emotion("bored")
