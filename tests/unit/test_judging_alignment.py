"""Lip-sync alignment: sign, size, refusal, and lengths."""

from dataclasses import replace

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.curves import gaussian
from sonic_core.errors import AudioError, SettingsError
from sonic_core.frames import FrameStream
from sonic_core.judging.alignment import align, plan_correction, shift_audio, shift_frames
from sonic_core.judging.mouth_track import MouthTrack
from sonic_core.judging.synchrony import compare, measure_offset
from sonic_core.threads import one_thread

RATE, FPS, SECONDS = 16_000, 25.0, 6.0
MOUTH_X, MOUTH_Y, EYES = 100, 130, 60


def syllables(seed: int) -> np.ndarray:
    """Opening 0-1 of an irregular talker, `[SECONDS * 1000]` at 1 kHz."""
    rng = np.random.default_rng(seed)
    time, opening = np.arange(int(SECONDS * 1000)) / 1000, np.zeros(int(SECONDS * 1000))
    at = 0.2
    while at < SECONDS - 0.3:
        length = rng.uniform(0.10, 0.28)
        bump = np.sin(np.pi * np.clip((time - at) / length, 0, 1)) ** 2 * rng.uniform(0.4, 1)
        opening = np.maximum(opening, bump)
        at += length + rng.choice([0.02, 0.05, 0.35], p=[0.5, 0.3, 0.2])
    return opening


def voice(opening: np.ndarray, late_ms: int = 0) -> AudioClip:
    """Harmonics with a formant at 700 Hz, as loud as the mouth is open, `late_ms` after it."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    level = np.interp(time - late_ms / 1000, np.arange(len(opening)) / 1000, opening, left=0, right=0)
    harmonics = np.arange(1, 30)[:, None]
    tone = (np.sin(2 * np.pi * 120 * harmonics * time) / (1 + ((120 * harmonics - 700) / 300) ** 2)).sum(axis=0)
    return AudioClip((0.1 * tone * level)[None].astype(np.float32), RATE)


def head(opening: np.ndarray) -> FrameStream:
    """Frames of a plain face whose mouth is a dark slot between red lips."""
    frames = []
    for i in range(int(SECONDS * FPS)):
        frame = np.full((200, 200, 3), (200, 160, 140), np.uint8)
        gap = round(14 * opening[int(i * 1000 / FPS)])
        frame[MOUTH_Y - 8 : MOUTH_Y + gap + 8, MOUTH_X - 20 : MOUTH_X + 20] = (170, 80, 80)
        frame[MOUTH_Y : MOUTH_Y + gap, MOUTH_X - 18 : MOUTH_X + 18] = (40, 15, 15)
        frames.append(frame)
    return FrameStream.from_array(np.stack(frames), FPS)


class DrawnFace:
    """Landmarks of the faces that `head` draws, in order, with the noise of a real mesh."""

    def __init__(self, opening: np.ndarray, noise: float = 0.3) -> None:
        self.opening, self.rng, self.noise, self.i = opening, np.random.default_rng(7), noise, 0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        points = np.full((468, 3), (MOUTH_X, MOUTH_Y, 0), np.float32)
        points[[33, 133], 0], points[[362, 263], 0] = MOUTH_X - EYES / 2, MOUTH_X + EYES / 2
        points[[33, 133, 362, 263], 1] = MOUTH_Y - 70
        points[61, 0], points[291, 0] = MOUTH_X - 22, MOUTH_X + 22
        gap = 14 * self.opening[int(self.i * 1000 / FPS)]
        for upper, lower, outer_upper, outer_lower, x in (
            (13, 14, 0, 17, 0),
            (82, 87, 37, 84, -6),
            (312, 317, 267, 314, 6),
            (81, 178, 39, 181, -12),
            (311, 402, 269, 405, 12),
        ):
            points[[upper, lower, outer_upper, outer_lower], 0] += x
            points[upper, 1], points[lower, 1] = MOUTH_Y, MOUTH_Y + gap
            points[outer_upper, 1], points[outer_lower, 1] = MOUTH_Y - 8, MOUTH_Y + gap + 8
        self.i += 1
        return points + self.rng.normal(0, self.noise, points.shape).astype(np.float32)


@pytest.fixture(scope="module")
def talk() -> np.ndarray:
    return syllables(1)


def measured(opening: np.ndarray, audio: AudioClip):
    return measure_offset(head(opening), audio, tracker=DrawnFace(opening))


@pytest.mark.parametrize("late_ms", [-240, -90, 0, 130, 240])
def test_offset_is_positive_when_sound_is_late(talk, late_ms):
    report = measured(talk, voice(talk, late_ms))
    assert report.trusted
    assert report.offset_ms == pytest.approx(late_ms, abs=20)


def test_foreign_sound_is_not_trusted_and_changes_nothing(talk):
    frames, audio = head(talk), voice(syllables(2))
    report = measure_offset(frames, audio, tracker=DrawnFace(talk))
    result = align(frames, audio, report)
    assert not report.trusted
    assert result.frames is frames
    assert result.audio is audio
    assert "Nothing changed" in result.notes[0]


def test_offset_within_tolerance_changes_nothing(talk):
    frames, audio = head(talk), voice(talk, 15)
    report = measure_offset(frames, audio, tracker=DrawnFace(talk))
    result = align(frames, audio, report, tolerance_ms=40)
    assert report.trusted
    assert result.audio is audio
    assert "within the tolerance" in result.notes[0]


@pytest.mark.parametrize("method", ["shift_audio", "shift_frames"])
def test_alignment_removes_the_offset_and_keeps_lengths_equal(talk, method):
    frames, audio = head(talk), voice(talk, 160)
    result = align(frames, audio, measure_offset(frames, audio, tracker=DrawnFace(talk)), method)
    moved = round(result.shift_ms / 1000 * FPS) if method == "shift_frames" else 0
    opening = np.r_[np.full(40 * moved, talk[0]), talk][: len(talk)]
    after = measure_offset(result.frames, result.audio, tracker=DrawnFace(opening))
    assert abs(after.offset_ms) <= 20
    assert abs(result.frames.duration - result.audio.duration) <= 0.5 / FPS


def test_silence_has_no_confidence_and_says_so(talk):
    report = measured(talk, AudioClip(np.zeros((1, int(SECONDS * RATE)), np.float32), RATE))
    assert report.confidence == 0
    assert "silent" in report.notes[0]


def test_lost_face_has_no_confidence_and_says_so(talk):
    report = measure_offset(head(talk), voice(talk), tracker=lambda frame: None)
    assert report.confidence == 0
    assert "face" in report.notes[0]


def test_blank_frames_show_no_face_to_the_real_mesh(talk):
    frames = FrameStream.from_array(np.zeros((40, 64, 64, 3), np.uint8), FPS)
    with one_thread():
        report = measure_offset(frames, voice(talk))
    assert report.found_share == 0
    assert report.confidence == 0


def test_one_frame_is_too_short_to_measure(talk):
    frames = FrameStream.from_array(head(talk).start().__next__()[None], FPS)
    report = measure_offset(frames, voice(talk), tracker=DrawnFace(talk))
    assert report.confidence == 0
    assert report.offset_ms == 0


def test_no_frames_and_no_sound_are_errors(talk):
    nothing = FrameStream(0, 64, 64, FPS, lambda: iter(()))
    with pytest.raises(SettingsError, match="no frames"):
        measure_offset(nothing, voice(talk))
    with pytest.raises(AudioError, match="empty"):
        measure_offset(head(talk), AudioClip(np.zeros((1, 0), np.float32), RATE))


def test_a_face_lost_for_a_while_still_measures(talk):
    face = DrawnFace(talk)

    def sometimes(frame):
        points = face(frame)
        return None if 40 <= face.i < 60 else points

    report = measure_offset(head(talk), voice(talk, 120), tracker=sometimes)
    assert report.offset_ms == pytest.approx(120, abs=25)
    assert report.found_share == pytest.approx(1 - 20 / 150, abs=0.01)


def test_a_better_predicted_curve_is_used(talk):
    late = voice(syllables(3))
    curve = np.interp(np.arange(150) / FPS - 0.08, np.arange(len(talk)) / 1000, talk)
    report = measure_offset(head(talk), late, tracker=DrawnFace(talk), predicted=curve)
    assert report.trusted
    assert report.offset_ms == pytest.approx(80, abs=10)


def test_frames_are_shifted_by_holding_the_ends():
    frames = FrameStream.from_array(np.arange(5, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3), 25.0)
    assert [f[0, 0, 0] for f in shift_frames(frames, 2)] == [0, 0, 0, 1, 2]
    assert [f[0, 0, 0] for f in shift_frames(frames, -2)] == [2, 3, 4, 4, 4]
    assert [f[0, 0, 0] for f in shift_frames(frames, 9)] == [0] * 5
    assert [f[0, 0, 0] for f in shift_frames(frames, -9)] == [4] * 5


def test_audio_is_shifted_by_samples_and_filled_with_silence():
    audio = AudioClip(np.arange(1, 101, dtype=np.float32)[None], 100)
    assert shift_audio(audio, 10, 1.0).samples[0, [0, 89, 90, 99]].tolist() == [11, 100, 0, 0]
    assert shift_audio(audio, -10, 1.0).samples[0, [0, 9, 10, 99]].tolist() == [0, 0, 1, 90]
    assert shift_audio(audio, 0, 1.0) is audio


def test_an_offset_that_plain_witnesses_do_not_see_is_not_trusted():
    """A mouth that half follows what the lip reader hears: with loudness that moves alike it is believed, with other loudness it is not."""
    rng = np.random.default_rng(5)
    heard, other, own_ways = (gaussian(rng.uniform(0, 1, 800), 6).astype(np.float32) for _ in range(3))
    gap = np.interp(np.arange(200) / 25, np.arange(800) / 100, heard + 1.6 * own_ways).astype(np.float32)
    motion = np.abs(np.diff(gap, prepend=gap[:1])).astype(np.float32)
    track = MouthTrack(25.0, gap, gap, np.full(200, np.nan, np.float32), motion, np.ones(200, bool), float("nan"))
    level = np.interp(np.arange(800) / 100, np.arange(200) / 25, gap).astype(np.float32)
    followed = compare(track, heard, level - level.min())
    foreign = compare(track, heard, other - other.min())
    unheard = compare(track, heard, np.zeros(800, np.float32))
    assert (followed.doubts, foreign.doubts, unheard.doubts) == (0, 2, 0)
    assert followed.offset_ms == foreign.offset_ms == unheard.offset_ms
    assert followed.trusted
    assert unheard.trusted
    assert not foreign.trusted


@pytest.mark.parametrize(("height", "short"), [(0.4, True), (0.2, False)])
def test_a_short_clip_is_told_to_be_short_and_not_out_of_sync(talk, height, short):
    report = measured(talk, voice(talk))
    lower = replace(
        report,
        correlation=report.correlation * (height / report.correlation.max()),
        times=report.times[:300],
        confidence=0.1,
    )
    correction, note = plan_correction(lower)
    assert correction is None
    assert lower.too_short == short
    assert ("3.0 s are too short to be sure. Such a match is believed from 5 s on" in note) == short
    assert ("do not match" in note) != short
