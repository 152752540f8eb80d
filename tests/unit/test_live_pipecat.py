"""A live portrait in Pipecat: alone in a pipeline, and over SmallWebRTCTransport on loopback with aiortc as the client."""

import asyncio

import numpy as np
import pytest
from live_samples import LoudnessStage, tone

pytest.importorskip("pipecat", reason="pipecat-ai is not installed (extra pipecat)")
pytest.importorskip("aiortc", reason="aiortc is not installed (extra live)")

from live_browser import SmallStage
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    ErrorFrame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner
from pipecat_client import Client, until

from sonic_core.live import pipecat as module
from sonic_core.live.pipecat import LivePortraitProcessor, samples_of

RATE = 24_000


def speech(seconds, level=0.9, rate=RATE):
    """As a TTS service sends it: a piece of 0.1 s after the other, at once."""
    packed = np.round(32767 * tone(seconds, rate, level)).astype(np.int16)
    size = rate // 10
    return [TTSAudioRawFrame(packed[i : i + size].tobytes(), rate, 1) for i in range(0, len(packed), size)]


class Watcher(FrameProcessor):
    """Keeps what comes by."""

    def __init__(self):
        super().__init__()
        self.seen = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        self.seen.append(frame)
        await self.push_frame(frame, direction)

    def of(self, kind):
        return [frame for frame in self.seen if isinstance(frame, kind)]

    def light(self):
        """Of the newest picture."""
        images = self.of(OutputImageRawFrame)
        return images[-1].image[0] if images else -1

    def heard(self):
        """All sound so far."""
        return np.concatenate([samples_of(frame.audio, 1)[0] for frame in self.of(SpeechOutputAudioRawFrame)] or [[]])


async def run(processors, play):
    worker = PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.ensure_future(runner.run())
    try:
        await play(worker)
    finally:
        if not running.done():
            await worker.cancel()
        await running


def test_speech_comes_out_with_its_pictures_and_other_frames_pass():
    watcher, portrait = Watcher(), LivePortraitProcessor(LoudnessStage())
    portrait.adjust(seed=3)

    async def play(worker):
        await until(lambda: watcher.of(OutputImageRawFrame))  # it lives before anything is said
        for frame in speech(1):
            await worker.queue_frame(frame)
        await worker.queue_frame(TTSStoppedFrame())
        await worker.queue_frame(TextFrame("and text"))
        await until(lambda: watcher.light() > 200)
        await worker.queue_frame(EndFrame())  # waits for the rest
        await until(lambda: watcher.of(EndFrame))

    asyncio.run(run([portrait, watcher], play))
    assert portrait.session.settings.seed == 3
    assert [frame.text for frame in watcher.of(TextFrame)] == ["and text"]
    assert not watcher.of(TTSAudioRawFrame)
    assert np.abs(watcher.heard()).sum() == pytest.approx(np.abs(tone(1, RATE, 0.9)).sum(), rel=0.02)
    assert watcher.light() == 0
    sizes = {(frame.size, frame.format, len(frame.image)) for frame in watcher.of(OutputImageRawFrame)}
    assert sizes == {((6, 4), "RGB", 72)}


def test_chunks_may_end_within_a_sample():
    watcher, portrait = Watcher(), LivePortraitProcessor(LoudnessStage())
    packed = b"".join(frame.audio for frame in speech(1))

    async def play(worker):
        for first in range(0, len(packed), 4_801):
            await worker.queue_frame(TTSAudioRawFrame(packed[first : first + 4_801], RATE, 1))
        await worker.queue_frame(TTSStoppedFrame())
        await worker.queue_frame(EndFrame())
        await until(lambda: watcher.of(EndFrame))

    asyncio.run(run([portrait, watcher], play))
    assert not watcher.of(ErrorFrame)
    assert np.abs(watcher.heard()).sum() == pytest.approx(np.abs(tone(1, RATE, 0.9)).sum(), rel=0.02)


def test_an_interruption_drops_what_was_not_shown():
    watcher, portrait = Watcher(), LivePortraitProcessor(LoudnessStage())

    async def play(worker):
        for frame in speech(30):
            await worker.queue_frame(frame)
        await until(lambda: watcher.light() > 200)
        await worker.queue_frame(InterruptionFrame())
        await until(lambda: watcher.light() == 0)
        assert portrait.session.waiting == 0
        for frame in speech(0.5, level=0.4):  # and it speaks again
            await worker.queue_frame(frame)
        await until(lambda: 90 < watcher.light() < 120)

    asyncio.run(run([portrait, watcher], play))
    assert portrait.session.stats.dropped_sound > 20


def test_an_utterance_longer_than_the_buffer_waits_and_can_be_interrupted(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_WAIT", 3.0)
    watcher, portrait = Watcher(), LivePortraitProcessor(LoudnessStage())

    async def play(worker):
        for frame in speech(60):
            await worker.queue_frame(frame)
        await until(lambda: watcher.light() > 200)
        await worker.queue_frame(InterruptionFrame())
        await until(lambda: watcher.light() == 0)

    asyncio.run(run([portrait, watcher], play))
    assert not watcher.of(ErrorFrame)
    assert portrait.session.stats.dropped_sound < 4


def test_an_engine_that_fails_is_told_and_the_pipeline_comes_to_its_end():
    class Failing(LoudnessStage):
        def draw(self, pose):
            if pose:
                raise RuntimeError("out of memory")
            return super().draw(pose)

    before, after = Watcher(), Watcher()

    async def play(worker):
        for frame in speech(5):
            await worker.queue_frame(frame)
        await worker.queue_frame(EndFrame())
        await until(lambda: after.of(EndFrame))

    asyncio.run(run([before, LivePortraitProcessor(Failing()), after], play))
    assert "The portrait stopped: out of memory" in before.of(ErrorFrame)[0].error


def test_no_sound_is_an_error_frame_and_the_pipeline_goes_on():
    before, after = Watcher(), Watcher()  # errors go upstream

    async def play(worker):
        await worker.queue_frame(TTSAudioRawFrame(bytes(200), 1_000, 1))  # 1 kHz
        await until(lambda: before.of(ErrorFrame))
        for frame in speech(1):
            await worker.queue_frame(frame)
        await until(lambda: after.light() > 200)

    asyncio.run(run([before, LivePortraitProcessor(LoudnessStage()), after], play))
    assert "1000" in before.of(ErrorFrame)[0].error


def test_over_small_webrtc_a_browser_sees_hears_and_interrupts():
    stage = SmallStage()

    async def go():
        client, server = Client(), SmallWebRTCConnection()
        await client.offer_to(server)
        transport = SmallWebRTCTransport(
            server,
            TransportParams(
                audio_out_enabled=True,
                audio_out_auto_silence=False,
                video_out_enabled=True,
                video_out_width=stage.width,
                video_out_height=stage.height,
                video_out_framerate=25,
            ),
        )
        watcher = Watcher()

        async def play(worker):
            await client.connect(server)
            await until(lambda: client.pictures > 2)
            for frame in speech(30):
                await worker.queue_frame(frame)
            await until(lambda: client.light > 100 and client.loudness > 0.3)
            await until(lambda: watcher.of(BotStartedSpeakingFrame))
            await worker.queue_frame(InterruptionFrame())
            await until(lambda: client.light < 40 and client.loudness < 0.05)
            await until(lambda: watcher.of(BotStoppedSpeakingFrame))

        await run([LivePortraitProcessor(stage), transport.output(), watcher], play)
        await client.close()

    asyncio.run(go())
