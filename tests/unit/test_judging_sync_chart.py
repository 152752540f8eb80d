"""The sync chart and the curves it draws."""

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.frames import FrameStream
from sonic_core.judging import chart_words
from sonic_core.judging.audio_opening import CURVE_RATE, predict_opening
from sonic_core.judging.correlation import LAGS_MS, correlate, peak
from sonic_core.judging.mouth_track import MouthTrack
from sonic_core.judging.sync_chart import sync_chart
from sonic_core.judging.synchrony import compare, measure_offset

RATE = 16_000
LEFT_PANEL = round(0.54 * (960 - 48))


def bursts(seed: int = 0, seconds: float = 5.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.convolve(rng.random(round(seconds * CURVE_RATE)) > 0.96, np.hanning(18), "same")


def report(lag: int = 12):
    """A measurement of a mouth that leads the sound by `lag` steps of 10 ms."""
    heard = bursts()
    seen = np.roll(heard, -lag)[::4].astype(np.float32)
    found = np.ones(len(seen), bool)
    nothing = np.full(len(seen), np.nan, np.float32)
    track = MouthTrack(25.0, seen, seen, nothing, np.abs(np.gradient(seen)), found, float("nan"))
    audio = AudioClip(np.repeat(heard, RATE // CURVE_RATE)[None].astype(np.float32), RATE)
    return compare(track, heard, audio)


@pytest.mark.parametrize("width", [480, 960, 1600])
def test_chart_is_a_picture_of_the_asked_width(width):
    one, two = sync_chart(report(), width=width), sync_chart(report(), report(0), width)
    assert one.dtype == np.uint8
    assert one.shape[1:] == (width, 3)
    assert two.shape[0] == 2 * one.shape[0]


def test_chart_marks_the_peak_where_it_is():
    def marked(lag):
        chart = sync_chart(report(lag)).astype(int)
        orange = (np.abs(chart - (214, 90, 20)).sum(axis=-1) < 30)[270:, : LEFT_PANEL + 16]
        return np.argmax(orange.sum(axis=0))

    assert marked(20) - marked(-20) == pytest.approx(400 / 1000 * LEFT_PANEL, abs=12)


def test_chart_shows_the_offset_along_the_clip():
    def height(lag):
        chart = sync_chart(report(lag)).astype(int)[270:, LEFT_PANEL + 40 :]
        return np.argmax((np.abs(chart - (214, 90, 20)).sum(axis=-1) < 30).sum(axis=1))

    assert height(20) < height(0) < height(-20)


def test_chart_of_nothing_measured_still_draws():
    frames = FrameStream.from_array(np.zeros((1, 64, 64, 3), np.uint8), 25.0)
    silence = AudioClip(np.zeros((1, 100), np.float32), RATE)
    assert sync_chart(measure_offset(frames, silence, tracker=lambda frame: None)).ndim == 3


def test_peak_is_found_between_the_steps():
    time = np.arange(600) / CURVE_RATE
    slow = np.sin(2 * np.pi * 1.3 * time) + np.sin(2 * np.pi * 2.9 * time + 1)
    late = np.sin(2 * np.pi * 1.3 * (time - 0.0635)) + np.sin(2 * np.pi * 2.9 * (time - 0.0635) + 1)
    lag, height = peak(correlate(slow, late))
    assert lag == pytest.approx(63.5, abs=2)
    assert height == pytest.approx(1, abs=0.01)


def test_flat_curves_match_nothing():
    assert not correlate(np.ones(300), bursts(seconds=3.0)).any()
    assert len(correlate(np.ones(3), np.ones(3))) == len(LAGS_MS)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_predicted_opening_follows_a_vowel_at_any_sample_rate(rate):
    time = np.arange(2 * rate) / rate
    vowel = sum(np.sin(2 * np.pi * f * time) / (1 + ((f - 700) / 300) ** 2) for f in range(120, 3000, 120))
    sound = np.where((time > 0.8) & (time < 1.2), 0.1 * vowel, 0)
    opening = predict_opening(AudioClip(sound[None].astype(np.float32), rate))
    assert len(opening) == 200
    assert opening[85:115].min() > 0.5
    assert opening[:70].max() < 0.02
    middle = np.sum(opening * np.arange(200)) / opening.sum()
    assert middle == pytest.approx(100, abs=1)


def test_predicted_opening_of_silence_and_of_hiss_is_closed():
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32)
    hiss = np.diff(noise, 3, prepend=0, append=np.zeros((1, 2), np.float32))
    vowel = np.sin(2 * np.pi * 700 * np.arange(RATE) / RATE)[None].astype(np.float32)
    both = predict_opening(AudioClip(np.hstack([vowel, hiss[:, :RATE]]), RATE))
    assert both[10:90].mean() > 3 * both[110:190].mean()
    assert not predict_opening(AudioClip(np.zeros((1, RATE), np.float32), RATE)).any()


@pytest.mark.skipif(chart_words.chinese_font() is None, reason="no Chinese font on this system")
def test_words_are_chinese_where_the_system_has_letters_for_them():
    english, chinese = sync_chart(report()), sync_chart(report(), language="zh")
    assert chinese.shape == english.shape
    assert not np.array_equal(chinese[:50], english[:50])  # the title
    pen = chart_words.Pen("zh")
    assert pen.said("sound 132 ms late") == "声音晚 132 毫秒"


def test_words_are_english_where_it_has_none(monkeypatch):
    monkeypatch.setattr(chart_words, "chinese_font", lambda: None)
    assert np.array_equal(sync_chart(report(), language="zh"), sync_chart(report()))
