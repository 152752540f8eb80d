"""Sound and frames moved in time, and the drift that asks for it."""

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.frames import FrameStream
from sonic_core.judging.alignment import align, measure_again
from sonic_core.judging.audio_opening import CURVE_RATE
from sonic_core.judging.correlation import LAGS_MS
from sonic_core.judging.drift import fit_drift
from sonic_core.judging.mouth_track import MouthTrack, at_steady_rate, in_order
from sonic_core.judging.retiming import Correction, frame_order, rearranged, retimed_sound
from sonic_core.judging.synchrony import compare

RATE, FPS, SECONDS = 16_000, 25.0, 60.0


def tone(times: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * (300 * times + 2 * times**2)).astype(np.float32)


def bursts(seed: int = 0) -> np.ndarray:
    """Opening of an irregular talker at CURVE_RATE."""
    rng = np.random.default_rng(seed)
    return np.convolve(rng.random(round(SECONDS * CURVE_RATE)) > 0.96, np.hanning(18), "same")


def track_of(opening: np.ndarray) -> MouthTrack:
    """The mouth of `opening` (at CURVE_RATE) in frames, with some noise."""
    seen = np.interp(np.arange(round(SECONDS * FPS)) / FPS, np.arange(len(opening)) / CURVE_RATE, opening)
    seen = (seen + np.random.default_rng(5).normal(0, 0.02, len(seen))).astype(np.float32)
    nothing = np.full(len(seen), np.nan, np.float32)
    motion = np.abs(np.diff(seen, prepend=seen[:1]))
    return MouthTrack(FPS, seen, seen, nothing, motion, np.ones(len(seen), bool), float("nan"))


def drifting(heard: np.ndarray, start_ms: float, ms_per_minute: float) -> np.ndarray:
    """The sound's curve, late by `start_ms` at first and by more and more."""
    times = np.arange(len(heard)) / CURVE_RATE
    source = (times - start_ms / 1000) / (1 + ms_per_minute / 60_000)
    return np.interp(source, times, heard, left=0, right=0)


@pytest.mark.parametrize("pieces", [1, 7, 400])
@pytest.mark.parametrize("growth", [0.001, -0.004, 0.00237])
@pytest.mark.parametrize("late_ms", [50.0, 33.3])
def test_sound_is_read_between_its_samples(pieces, late_ms, growth):
    correction, times = Correction(late_ms, growth), np.arange(2 * RATE) / RATE
    blocks = np.array_split(tone(times)[None], pieces, axis=1)
    made = np.concatenate(list(retimed_sound(blocks, RATE, 1, correction, 1.5)), axis=1)[0]
    expected = tone(correction.sound_at(np.arange(len(made)) / RATE))
    assert len(made) == round(1.5 * RATE)
    assert np.abs(made - expected).max() < 1e-3


def test_sound_that_is_moved_by_whole_samples_is_not_changed():
    samples = np.random.default_rng(0).normal(0, 0.1, (2, RATE)).astype(np.float32)
    made = np.concatenate(
        list(retimed_sound(np.array_split(samples, 9, axis=1), RATE, 2, Correction(-30.0), 1.0)), axis=1
    )
    assert (made[:, :480] == 0).all()
    assert (made[:, 480:] == samples[:, :-480]).all()


@pytest.mark.parametrize(("start_ms", "ms_per_minute"), [(0, 60), (-120, 150), (80, -60), (40, 280)])
def test_drift_is_found_with_its_sign(start_ms, ms_per_minute):
    heard = bursts()
    report = compare(track_of(heard), drifting(heard, start_ms, ms_per_minute), np.zeros(1, np.float32))
    assert report.drifting
    assert report.drift_ms_per_minute == pytest.approx(ms_per_minute, abs=8)
    assert report.offset_at(0) == pytest.approx(start_ms, abs=8)


@pytest.mark.parametrize("offset", [-200, 0, 90])
def test_constant_offset_is_no_drift(offset):
    heard = bursts()
    report = compare(track_of(heard), drifting(heard, offset, 0), np.zeros(1, np.float32))
    assert not report.drifting
    assert abs(report.drift_ms_per_minute) < 8
    assert report.offset_at(0) == report.offset_at(60) == report.offset_ms


def test_foreign_sound_does_not_drift():
    report = compare(track_of(bursts()), bursts(1), np.zeros(1, np.float32))
    assert not report.trusted


def test_short_clip_tells_no_drift():
    assert np.isnan(fit_drift(np.zeros((5, len(LAGS_MS))), np.arange(5.0), 12.0).ms_per_minute)


@pytest.mark.parametrize("method", ["shift_audio", "shift_frames"])
def test_drift_is_taken_away_along_the_whole_clip(method):
    heard = bursts()
    track, late = track_of(heard), drifting(heard, 60, 150)
    audio = AudioClip(np.zeros((1, round(SECONDS * RATE)), np.float32), RATE)
    frames = FrameStream(len(track.opening), 8, 8, FPS, lambda: iter(()))
    done = align(frames, audio, compare(track, late, audio), method)
    curve = late
    if method == "shift_audio":
        times = np.arange(len(late)) / CURVE_RATE
        curve = np.interp(done.correction.sound_at(times), times, late)
    after = measure_again(track, done, curve, audio)
    assert not after.drifting
    assert abs(after.offset_ms) <= 10
    assert done.frames.length == frames.length
    assert abs(done.audio.duration - SECONDS) <= 0.5 / FPS


def test_frames_are_held_and_dropped_to_follow_a_drift():
    order = frame_order(2500, FPS, Correction(0.0, 0.004))
    assert (np.diff(order) >= 0).all()
    assert order[-1] == pytest.approx(2499 / 1.004, abs=1)
    frames = FrameStream(2500, 1, 1, FPS, lambda: (np.full((1, 1, 3), i % 251, np.uint8) for i in range(2500)))
    shown = [int(frame[0, 0, 0]) for frame in rearranged(frames, order)]
    assert shown == (order % 251).tolist()


def test_track_of_uneven_frames_is_the_track_of_even_ones():
    opening = bursts()[:2000]
    times = np.cumsum(np.random.default_rng(3).choice([0.02, 0.04, 0.08], 400))
    times = times - times[0]
    seen = np.interp(times, np.arange(len(opening)) / CURVE_RATE, opening).astype(np.float32)
    nothing = np.full(len(seen), np.nan, np.float32)
    found = np.ones(len(seen), bool)
    even = at_steady_rate(MouthTrack(FPS, seen, seen, nothing, 0 * seen, found, float("nan")), times)
    expected = np.interp(np.arange(len(even.opening)) / FPS, np.arange(len(opening)) / CURVE_RATE, opening)
    assert len(even.opening) == int(times[-1] * FPS) + 1
    assert np.corrcoef(even.opening, expected)[0, 1] > 0.97


def test_held_frame_shows_no_motion():
    track = track_of(bursts())
    held = in_order(track, np.array([0, 1, 1, 2]))
    assert held.motion[2] == 0
    assert held.motion[3] == track.motion[2]
