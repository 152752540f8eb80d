"""A live portrait as an avatar of LiveKit Agents, run by its own AvatarRunner and QueueAudioOutput.

A room needs a server: here it only says that it is connected and takes tracks; sources, tracks and the synchronizer are LiveKit's.
"""

import asyncio

import numpy as np
import pytest
from live_samples import LoudnessStage, tone

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed (extra livekit)")

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarRunner, QueueAudioOutput

from sonic_core.live import livekit as module
from sonic_core.live.livekit import LivePortraitGenerator
from sonic_core.settings import Settings

RATE = 24_000
PATIENCE = 60


def sound(seconds, level=0.9, rate=RATE, channels=1):
    """One frame of the agent's speech."""
    packed = np.round(32767 * tone(seconds, rate, level)).astype(np.int16).repeat(channels)
    return rtc.AudioFrame(packed.tobytes(), rate, channels, len(packed) // channels)


async def until(holds):
    end = asyncio.get_running_loop().time() + PATIENCE
    while not holds():
        assert asyncio.get_running_loop().time() < end, "waited in vain"
        await asyncio.sleep(0.02)


class Taken:
    """What came out of a generator."""

    def __init__(self, generator):
        self.got = []
        self.task = asyncio.ensure_future(self.take(generator))

    async def take(self, generator):
        async for frame in generator:
            self.got.append(frame)

    def of(self, kind):
        return [frame for frame in self.got if isinstance(frame, kind)]

    def light(self):
        pictures = self.of(rtc.VideoFrame)
        return pictures[-1].data[0] if pictures else -1

    def seconds(self):
        return sum(frame.duration for frame in self.of(rtc.AudioFrame))


def test_it_lives_speaks_and_says_when_a_segment_is_over():
    async def play():
        generator = LivePortraitGenerator(LoudnessStage(), Settings(), rate=RATE)
        taken = Taken(generator)
        await until(lambda: len(taken.of(rtc.VideoFrame)) > 3)
        assert not taken.of(rtc.AudioFrame)  # silence is not played speech
        for _ in range(2):
            await generator.push_audio(sound(0.4, rate=48_000, channels=2))
            await generator.push_audio(AudioSegmentEnd())
        await until(lambda: len(taken.of(AudioSegmentEnd)) == 2)
        await until(lambda: taken.light() == 0)
        assert taken.seconds() == pytest.approx(0.8, abs=0.13)
        last = max(i for i, frame in enumerate(taken.got) if isinstance(frame, rtc.AudioFrame))
        assert isinstance(taken.got[last + 1], AudioSegmentEnd)
        (shape,) = {(frame.width, frame.height, frame.type) for frame in taken.of(rtc.VideoFrame)}
        assert shape == (6, 4, rtc.VideoBufferType.RGB24)
        assert generator.adjust(emotion="happy").emotion == "happy"
        await generator.aclose()
        await generator.aclose()
        await taken.task

    asyncio.run(play())


def test_speech_does_not_wait_for_a_session_that_is_closed(monkeypatch, caplog):
    monkeypatch.setattr(module, "LONGEST_WAIT", 3.0)

    async def play():
        generator = LivePortraitGenerator(LoudnessStage(), rate=RATE)
        await generator.push_audio(sound(1.5))
        waiting = asyncio.ensure_future(generator.push_audio(sound(1.5)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await generator.aclose()
        await asyncio.wait_for(waiting, PATIENCE)

    asyncio.run(play())
    assert "left out" in caplog.text


def test_barge_in_drops_what_was_not_shown_and_what_still_waits_outside(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_WAIT", 3.0)

    async def play():
        generator = LivePortraitGenerator(LoudnessStage(), rate=RATE)
        taken = Taken(generator)

        async def talk():
            for _ in range(40):
                await generator.push_audio(sound(0.5))
            await generator.push_audio(AudioSegmentEnd())

        talking = asyncio.ensure_future(talk())
        await until(lambda: taken.light() > 200)
        talking.cancel()
        generator.clear_buffer()
        before = len(taken.of(rtc.AudioFrame))
        await until(lambda: taken.light() == 0)
        assert len(taken.of(rtc.AudioFrame)) == before
        assert not taken.of(AudioSegmentEnd)
        await generator.push_audio(sound(0.5, level=0.4))
        await until(lambda: 90 < taken.light() < 120)
        await generator.push_audio(AudioSegmentEnd())
        await until(lambda: taken.of(AudioSegmentEnd))
        await generator.aclose()
        await taken.task

    asyncio.run(play())


def test_sound_that_is_none_is_left_out_and_told(caplog):
    async def play():
        generator = LivePortraitGenerator(LoudnessStage(), rate=RATE)
        await generator.push_audio(rtc.AudioFrame(bytes(200), 1_000, 1, 100))
        await generator.aclose()

    asyncio.run(play())
    assert "1000" in caplog.text


class RoomWithoutServer:
    """What AvatarRunner asks of a room that is connected."""

    def __init__(self):
        self.local_participant, self.published = self, []

    def isconnected(self):
        return True

    def on(self, *_):
        pass

    off = on

    async def publish_track(self, track, options):
        self.published.append(track)
        return self

    async def wait_for_subscription(self):
        pass


def test_the_avatar_runner_plays_it_and_reports_playback():
    async def play():
        generator = LivePortraitGenerator(LoudnessStage(), rate=RATE)
        room, speech = RoomWithoutServer(), QueueAudioOutput(sample_rate=RATE, wait_playback_start=True)
        told = []
        speech.on("playback_started", told.append)
        speech.on("playback_finished", told.append)
        runner = AvatarRunner(room, audio_recv=speech, video_gen=generator, options=generator.options)
        await runner.start()
        await until(lambda: len(room.published) == 2)
        await asyncio.sleep(0.2)
        assert told == []  # silence is not played speech
        await speech.capture_frame(sound(0.4))
        speech.flush()
        await until(lambda: len(told) == 2)
        assert told[1].playback_position == pytest.approx(0.4, abs=0.09)
        assert not told[1].interrupted

        await speech.capture_frame(sound(20))
        speech.flush()
        await until(lambda: len(told) == 3)
        speech.clear_buffer()
        await until(lambda: len(told) >= 4)
        assert told[3].interrupted
        assert told[3].playback_position < 10
        await until(lambda: generator.session.waiting == 0)
        await asyncio.sleep(0.3)
        # The runner reports a frame that it was handing over at that moment as a new start; beyond it nothing is played.
        assert len(told) <= 5
        await runner.aclose()
        await generator.aclose()

    asyncio.run(play())
