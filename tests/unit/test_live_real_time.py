"""A live session as it is used: a real portrait, real speech, ten seconds of real time; and an hour on a quick clock."""

import threading
import time
from collections import deque
from itertools import islice

import numpy as np
import pytest
from live_samples import LoudnessStage, QuickClock, tone

from sonic_core.audio.loading import load_audio
from sonic_core.engines.registry import load_engine
from sonic_core.live.core import LiveCore
from sonic_core.live.session import LiveSession
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings

RATE = 48_000


@pytest.fixture(scope="module")
def stage():
    return load_engine().stage(load_portrait(PORTRAIT), Settings(min_resolution=256))


def test_ten_seconds_fed_in_real_time(stage):
    clip = load_audio(SPEECH)
    sound, piece = clip.mono(), clip.rate // 50
    with LiveSession(stage) as session:

        def speak():
            for i in range(0, len(sound), piece):
                session.push_audio(sound[i : i + piece], clip.rate)
                time.sleep(0.02)
            session.end_of_speech()

        frames = iter(session)
        taken = [next(frames)]
        speaker = threading.Thread(target=speak)
        start = time.monotonic()
        speaker.start()
        taken += islice(frames, 249)
        seconds = time.monotonic() - start
        speaker.join()
        stats = session.stats
    assert seconds > 9.5  # paced, not pulled
    assert stats.frames == 250
    assert stats.dropped == sum(not frame.drawn for frame in taken)
    heard = np.concatenate([frame.audio for frame in taken])
    missing = session.waiting * RATE  # on a machine so busy that not all was spoken
    spoken = np.abs(sound).sum() * RATE / clip.rate
    if missing == 0:
        assert np.abs(heard).sum() == pytest.approx(spoken, rel=0.05)
    assert any(frame.speaking for frame in taken)
    assert taken[0].image.shape == (256, 256, 3)
    assert np.ptp(np.stack([frame.image for frame in taken[::50]]), axis=0).max() > 20  # it moves


def test_an_interruption_in_real_time(stage):
    with LiveSession(stage) as session:
        session.push_audio(load_audio(SPEECH).samples, load_audio(SPEECH).rate)
        frames = iter(session)
        before = list(islice(frames, 40))
        session.interrupt()
        after = list(islice(frames, 20))
    assert any(frame.audio.any() for frame in before)
    assert not any(frame.audio.any() for frame in after[1:])
    assert not any(frame.speaking for frame in after[2:])
    assert session.stats.dropped_sound > 2


def test_an_hour_of_talk_and_silence_keeps_sound_and_picture_together():
    core = LiveCore(LoudnessStage())
    marks, seen = 0, []
    click = np.zeros(RATE // 25, np.float32)
    click[RATE // 80 : RATE // 40] = 0.9  # in the middle of a frame
    for i in range(90_000):
        if i % 250 == 0:
            core.push_audio(np.concatenate([tone(0.6, RATE, 0.1), click, tone(0.3, RATE, 0.1)]), RATE)
            core.end_of_speech()
            marks += 1
        frame = core.pull()
        loud, light = float(np.abs(frame.audio).max()), int(frame.image[0, 0, 0])
        if loud > 0.5 or light > 130:
            seen.append((loud > 0.5, light > 130))
    assert frame.time == pytest.approx(3600 - 0.04)
    assert len(seen) >= marks - 1
    assert all(heard and shown for heard, shown in seen)  # in the same frame, the last as the first
    assert core.waiting == 0


def test_an_hour_of_a_session_keeps_its_clock():
    clock = QuickClock()
    session = LiveSession(LoudnessStage(clock, 0.011), clock=clock)
    frames = iter(session)
    next(frames)
    start = clock.time
    frame = deque(islice(frames, 89_999), maxlen=1)[0]
    assert frame.time == pytest.approx(3600 - 0.04)
    assert clock.time - start == pytest.approx(3600 - 0.04, abs=0.02)
    assert session.stats.dropped == 0
