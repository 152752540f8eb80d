"""A live portrait in a Pipecat pipeline: speech of a TTS service in, the portrait's picture and sound out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup

from ..engines.streaming import Stage
from ..errors import SonicError
from ..media.visible_label import VisibleLabel
from ..portrait.portrait import Portrait
from ..settings import Settings
from .core import LiveFrame
from .in_loop import FramesInLoop
from .session import LiveSession

log = logging.getLogger(__name__)

LONGEST_WAIT = 120.0  # s of speech that may wait; what comes beyond it waits in the pipeline
NEARLY_FULL = 0.05  # s between looks whether there is room again
REST = 0.4  # s of frames after the last sound, in which the mouth closes


class LivePortraitProcessor(FrameProcessor):
    """Stands between the TTS service and `transport.output()`.

    In: TTSAudioRawFrame, as fast as the service likes; TTSStoppedFrame ends an utterance; InterruptionFrame drops what was not yet shown.
    Out, in real time and from the start: SpeechOutputAudioRawFrame, silence included, and OutputImageRawFrame that go with it.
    All other frames pass.  `EndFrame` waits until all is said.

    portrait: or a stage made of one (`Engine.stage`), which several processors can share.  label: words drawn into the picture.
    The transport is made with `TransportParams(**processor.transport_options)`.
    Raises SettingsError, PortraitError as LiveSession does.
    """

    def __init__(
        self,
        portrait: Portrait | Stage,
        settings: Settings | None = None,
        *,
        label: VisibleLabel | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._settings, self._label = settings or Settings(), label
        # Prepared before the pipeline starts, where nobody waits for it yet.
        self.stage = portrait if isinstance(portrait, Stage) else LiveSession(portrait, self._settings).stage
        self.session: LiveSession | None = None
        self._rate, self._begun = 0, b""
        self._frames: FramesInLoop | None = None
        self._last: LiveFrame | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def transport_options(self) -> dict[str, Any]:
        """What `TransportParams` must be told: sound and pictures go out, how large these are and how often they come.

        No silence of its own: what the transport adds would be latency for good.
        """
        return {
            "audio_out_enabled": True,
            "audio_out_auto_silence": False,
            "video_out_enabled": True,
            "video_out_width": self.stage.width,
            "video_out_height": self.stage.height,
            "video_out_framerate": round(self.stage.fps),
        }

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Called by the pipeline."""
        await super().setup(setup)
        self._rate = setup.audio_out_sample_rate

    async def cleanup(self) -> None:
        """Called by the pipeline."""
        await self._close()
        await super().cleanup()

    def adjust(self, **settings: Any) -> Settings:
        """Change seed, emotion, emotion_strength, dynamic_scale or motion_scale, before or while it runs."""
        if self.session is None:
            self._settings = Settings(**{**vars(self._settings), **settings})
            return self._settings
        return self.session.adjust(**settings)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Called by the pipeline."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)
            self._open()
        elif isinstance(frame, TTSAudioRawFrame) and self.session is not None:
            await self._speak(self.session, frame)
        elif isinstance(frame, TTSStoppedFrame) and self.session is not None:
            self.session.end_of_speech()
            self._begun = b""
        else:
            if isinstance(frame, InterruptionFrame) and self.session is not None:
                self.session.interrupt()
                self._begun = b""
            elif isinstance(frame, EndFrame):
                await self._finish()
            elif isinstance(frame, CancelFrame):
                await self._close()
            await self.push_frame(frame, direction)

    def _open(self) -> None:
        self.session = LiveSession(self.stage, self._settings, rate=self._rate, longest_wait=LONGEST_WAIT)
        self._frames = FramesInLoop(self.session, self._label)
        self._task = self.create_task(self._show(self._frames))

    async def _speak(self, session: LiveSession, frame: TTSAudioRawFrame) -> None:
        sound = self._begun + frame.audio
        whole = len(sound) - len(sound) % (2 * frame.num_channels)
        self._begun = sound[whole:]  # of a sample that a service's chunk ends within
        samples = samples_of(sound[:whole], frame.num_channels)
        seconds = samples.shape[-1] / frame.sample_rate
        while session.waiting + seconds > LONGEST_WAIT - 1 and session.waiting and self._runs:
            await asyncio.sleep(NEARLY_FULL)  # an interruption ends this
        try:
            session.push_audio(samples, frame.sample_rate)
        except SonicError as error:
            await self.push_error(error_msg=str(error), exception=error)

    @property
    def _runs(self) -> bool:
        """False too once an error ended the frames: what waits then is never spoken."""
        return self._task is not None and not self._task.done()

    async def _show(self, frames: FramesInLoop) -> None:
        size = (self.stage.width, self.stage.height)
        try:
            async for frame in frames:
                sound = np.round(frame.audio * 32767).astype(np.int16).tobytes()
                if frame.drawn:
                    image = OutputImageRawFrame(frame.image.tobytes(), size, "RGB")
                    image.sync_with_audio = True
                    await self.push_frame(image)
                await self.push_frame(SpeechOutputAudioRawFrame(sound, self._rate, 1))
                self._last = frame
        except Exception as error:  # of the engine; more sound is refused from now on
            frames.session.close()
            await self.push_error(error_msg=f"The portrait stopped: {error}", exception=error)

    async def _finish(self) -> None:
        """Let what waits be spoken, and the mouth come to rest."""
        if self.session is not None and self._task is not None:
            self.session.end_of_speech()
            end = None
            while not self._task.done() and (end is None or self._shown < end):
                if end is None and self._last is not None and self._last.through >= self.session.pushed:
                    end = self._shown + REST
                await asyncio.sleep(NEARLY_FULL)
        await self._close()

    @property
    def _shown(self) -> float:
        """Time of the last frame, s."""
        return self._last.time if self._last else 0.0

    async def _close(self) -> None:
        if self._frames is not None:
            await self._frames.close()
        if self._task is not None:
            await self._task
        self._frames = self._task = None
        if self.session is not None:
            log.info("The portrait is done: %s", self.session.stats)
            self.session.close()


def samples_of(audio: bytes, channels: int) -> NDArray[np.float32]:
    """Packed 16-bit sound as `[channels, n]` float32 within -1..1."""
    packed = np.frombuffer(audio, np.int16).reshape(-1, channels)
    return packed.T.astype(np.float32) / np.float32(32768)
