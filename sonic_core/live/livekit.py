"""A live portrait as an avatar of LiveKit Agents: the video generator that an AvatarRunner runs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator

from ..engines.streaming import Stage
from ..errors import SonicError
from ..media.visible_label import VisibleLabel
from ..portrait.portrait import Portrait
from ..settings import Settings
from .in_loop import FramesInLoop
from .session import LiveSession

log = logging.getLogger(__name__)

LONGEST_WAIT = 120.0  # s of speech that may wait; what comes beyond it waits in the receiver
NEARLY_FULL = 0.05  # s between looks whether there is room again
MARGIN = 1.0  # s of the buffer that stay free: what the filters hold


class LivePortraitGenerator(VideoGenerator):
    """`AvatarRunner(room, audio_recv=..., video_gen=generator, options=generator.options)` shows it in a room.

    portrait: or a stage made of one (`Engine.stage`), which several generators can share.  rate: of the sound that goes out, Hz.
    label: words drawn into the picture.  One iteration at a time: it begins a session, and `aclose` ends it.
    Raises SettingsError, PortraitError as LiveSession does.
    """

    def __init__(
        self,
        portrait: Portrait | Stage,
        settings: Settings | None = None,
        *,
        rate: int = 24_000,
        label: VisibleLabel | None = None,
    ) -> None:
        self._label = label
        self.session = LiveSession(portrait, settings, rate=rate, longest_wait=LONGEST_WAIT)
        self._ends: deque[float] = deque()  # of segments, s of pushed sound
        self._cleared, self._cleared_until = 0, 0.0
        self._frames: FramesInLoop | None = None

    @property
    def options(self) -> AvatarOptions:
        """Sizes and rates, for the AvatarRunner."""
        stage = self.session.stage
        return AvatarOptions(stage.width, stage.height, stage.fps, self.session.rate, 1)

    def adjust(self, **settings: Any) -> Settings:
        """Change seed, emotion, emotion_strength, dynamic_scale or motion_scale while it runs."""
        return self.session.adjust(**settings)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Speech of the agent, as fast as it comes; waits while two minutes of it wait to be spoken."""
        if isinstance(frame, AudioSegmentEnd):
            self.session.end_of_speech()
            self._ends.append(self.session.pushed)
            return
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels).T
        seconds, cleared = samples.shape[-1] / frame.sample_rate, self._cleared
        session = self.session
        while session.waiting + seconds > LONGEST_WAIT - MARGIN and session.waiting and not session.closed:
            await asyncio.sleep(NEARLY_FULL)
        if cleared != self._cleared:
            return  # it belongs to what was interrupted
        try:
            session.push_audio(samples.astype(np.float32) / np.float32(32768), frame.sample_rate)
        except SonicError as error:
            log.error("Sound of the agent was left out: %s", error)

    def clear_buffer(self) -> None:
        """Barge-in: what was not yet shown is dropped, the mouth comes to rest within two frames."""
        self.session.interrupt()
        self._ends.clear()
        self._cleared, self._cleared_until = self._cleared + 1, self.session.pushed

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        return self._stream()

    async def aclose(self) -> None:
        """End the session; may be called twice."""
        self.session.close()
        if self._frames is not None:
            await self._frames.close()

    async def _stream(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Every picture; the sound of those in which the agent speaks, since the runner counts all sound as played speech."""
        stage, rate = self.session.stage, self.session.rate
        self._frames, before = FramesInLoop(self.session, self._label), 0.0
        try:
            async for frame in self._frames:
                if frame.drawn:
                    rgb = rtc.VideoBufferType.RGB24
                    yield rtc.VideoFrame(stage.width, stage.height, rgb, frame.image.tobytes())
                if frame.through > max(before, self._cleared_until):
                    sound = np.round(frame.audio * 32767).astype(np.int16)
                    yield rtc.AudioFrame(sound.tobytes(), rate, 1, len(sound))
                before = frame.through
                while self._ends and self._ends[0] <= frame.through:
                    self._ends.popleft()
                    yield AudioSegmentEnd()
        finally:
            await self._frames.close()
