"""The live session: frames on the clock, pictures left out and never sound where the machine is too slow."""

import threading
from itertools import islice, pairwise

import numpy as np
import pytest
from live_samples import LoudnessStage, QuickClock, tone

from sonic_core.audio.loading import load_audio
from sonic_core.errors import AudioError, SettingsError
from sonic_core.live.session import LiveSession
from sonic_core.samples import SPEECH

RATE = 48_000


def session_of(costs=0.0, **others):
    clock = QuickClock()
    return LiveSession(LoudnessStage(clock, costs), clock=clock, **others), clock


def test_frames_come_25_times_a_second():
    session, clock = session_of(costs=0.01)
    times = [clock.time for _ in islice(session, 100)]
    assert np.diff(times)[5:] == pytest.approx(np.full(94, 0.04))
    assert session.stats.dropped == 0
    assert session.stats.real_time_factor == pytest.approx(0.25)
    assert session.stats.lateness_95_ms == pytest.approx(0, abs=0.01)


def test_a_slow_machine_leaves_out_pictures_and_no_sound():
    session, clock = session_of(costs=0.06)
    sound = tone(4, RATE)
    session.push_audio(sound, RATE)
    session.end_of_speech()
    start = clock.time
    frames = list(islice(session, 150))
    assert clock.time - start == pytest.approx(6, abs=0.2)  # no time is lost
    spoken = np.concatenate([frame.audio for frame in frames])
    at = int(np.argmax(np.abs(spoken) > 1e-4)) - 1
    assert np.array_equal(spoken[at:][: len(sound)], sound)
    assert session.stats.dropped == sum(not frame.drawn for frame in frames)
    assert 30 < session.stats.dropped < 75
    assert "dropped" in str(session.stats)


def test_a_machine_far_too_slow_still_shows_one_picture_in_five_and_hears_in_larger_steps():
    session, _ = session_of(costs=0.5)
    session.push_audio(tone(30), 16_000)
    frames = list(islice(session, 100))
    assert sum(frame.drawn for frame in frames) >= 20
    assert max(session.stage.heard_at_once) == 8


def test_latency_is_counted_from_the_sound_to_its_frame():
    session, _ = session_of(costs=0.005)
    sound = tone(4, 16_000)
    for i, _ in enumerate(islice(session, 120)):
        session.push_audio(sound[320 * 2 * i :][:640], 16_000) if i < 100 else None
    assert 80 <= session.stats.latency_ms <= 160
    assert session.stats.gaps <= 1


def test_sound_sent_far_ahead_counts_for_no_latency():
    session, _ = session_of()
    session.push_audio(tone(3), 16_000)
    list(islice(session, 50))
    assert np.isnan(session.stats.latency_ms)


def test_a_standstill_is_not_made_up_for():
    session, clock = session_of(costs=0.01)
    frames = iter(session)
    list(islice(frames, 10))
    clock.time += 3600
    late = list(islice(frames, 50))
    assert all(frame.drawn for frame in late)
    assert session.stats.restarted == 1


def test_closing_ends_the_iteration_and_refuses_sound():
    session, _ = session_of()
    with session:
        frames = iter(session)
        next(frames)
    assert list(frames) == []
    with pytest.raises(AudioError, match="closed"):
        session.push_audio(tone(1), 16_000)


def test_closing_wakes_the_thread_that_waits():
    session = LiveSession(LoudnessStage())
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(session))
    thread.start()
    while session.stats.frames < 3:
        threading.Event().wait(0.01)
    session.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(seen) >= 3


def test_many_threads_push_and_nothing_is_lost():
    session, _ = session_of(longest_wait=100)
    threads = [
        threading.Thread(target=lambda: [session.push_audio(tone(0.02), 16_000) for _ in range(100)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.end_of_speech()
    assert session.waiting == pytest.approx(16)


def test_an_engine_that_does_not_stream_says_so(monkeypatch):
    from toy_engine.engine import ToyEngine

    with pytest.raises(SettingsError, match="toy engine makes clips of finished recordings only"):
        LiveSession(None, engine=ToyEngine())


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_network_loses_only_what_was_lost_keeps_the_order_and_recovers(seed):
    """Packets of 20 ms come up to 0.15 s late, one in twelve never, some in bursts."""
    rng, session, clock = np.random.default_rng(seed), *session_of()
    packet, lost, arrivals = 960, 0, []
    for i in range(500):
        if rng.random() < 1 / 12:
            lost += 1
            continue
        late = 0.4 if 200 <= i < 220 else rng.uniform(0, 0.15)  # the burst
        arrivals.append((max(clock.time + 0.02 * i + late, arrivals[-1][0] if arrivals else 0), i))
    heard = []
    for frame in islice(session, 350):
        while arrivals and arrivals[0][0] <= clock.time:
            _, number = arrivals.pop(0)
            session.push_audio(np.full(packet, (number + 1) / 1000, np.float32), 48_000)
        heard.append(frame.audio)
    assert not arrivals
    sound = np.concatenate(heard)
    numbers = np.round(sound[sound > 0] * 1000)
    steady = np.flatnonzero(np.diff(np.concatenate([[-1], numbers, [-1]])))
    whole = [int(numbers[start]) for start, end in pairwise(steady) if end - start > packet // 2]
    assert whole == sorted(set(whole))  # in order, none twice
    assert np.count_nonzero(sound) == pytest.approx((500 - lost) * packet, rel=0.005)  # gaps are faded at both ends
    assert session.stats.gaps > 0
    assert session.waiting == 0


class SpokenInto(QuickClock):
    """Speaks while time passes, in packets of 20 ms; the one at 1 s, and what it holds up, comes `late` s too late."""

    def __init__(self, sound, rate, late):
        super().__init__()
        self.sound, self.rate, self.late, self.sent, self.session = sound, rate, late, 0, None

    def begin(self, session, after):
        self.session, self.start = session, self.time + after

    def wait(self, seconds, closed):
        end, packet = self.time + seconds, self.rate // 50
        while self.session and self.sent + packet <= len(self.sound):
            due = 0.02 + self.sent / self.rate
            due = self.start + (1 + self.late if 1 <= due < 1 + self.late else due)
            if due > end:
                break
            self.time = max(self.time, due)
            self.session.push_audio(self.sound[self.sent : self.sent + packet], self.rate)
            self.sent += packet
        self.time = max(self.time, end)


@pytest.mark.parametrize("after", [0.013, 0.06])
def test_sound_is_as_soon_out_after_a_late_packet_as_before(after):
    speech = load_audio(SPEECH)
    clock = SpokenInto(np.tile(speech.mono(), 3), speech.rate, 0.1)
    session = LiveSession(LoudnessStage(clock, 0.01), clock=clock)
    frames = iter(session)
    next(frames)
    clock.begin(session, after)
    latencies = [clock.time - frame.arrived for frame in islice(frames, 14 * 25) if frame.arrived is not None]
    assert session.stats.gaps == 1
    assert max(latencies) > 0.19
    assert np.median(latencies[-8 * 25 :]) <= 0.161
