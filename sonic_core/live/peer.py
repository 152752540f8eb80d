"""One browser that is connected to a portrait: its sound comes in, picture and sound go out, a data channel carries what it asks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from ..engines.streaming import Stage
from ..errors import SettingsError, SonicError
from ..media.visible_label import VisibleLabel
from ..settings import Settings
from ..words.catalogue import translated
from .core import LiveFrame
from .in_loop import FramesInLoop
from .recorder import Recorder, Recording
from .session import LiveSession
from .webrtc import PictureTrack, SoundTrack, samples_of

log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 20.0
SECONDS_BETWEEN_STATS = 1.0
LONGEST_MESSAGE = 4_096  # characters
MOST_WAITING = 0.12
"""s of sound that may wait before silence in what a peer sends is left out: its clock is a little faster, or its packets came at once."""
QUIET = 0.003  # -50 dB


class Peer:
    """Answers one offer; `closed` is set when it is over, by whichever side or by a network that is gone, `gone` when all is put away.

    stage: shared by all.  settings: at first.  recording: where it may record.  recorded: is told the files.
    language: of messages to the person.
    """

    def __init__(
        self,
        stage: Stage,
        settings: Settings,
        recording: Recording,
        recorded: Callable[[Path], None],
        ice_servers: Sequence[RTCIceServer] = (),
        label: VisibleLabel | None = None,
        language: str = "en",
    ) -> None:
        self.session = LiveSession(stage, settings)
        self.closed, self.gone = asyncio.Event(), asyncio.Event()
        self._recording, self._recorded, self._label, self._language = recording, recorded, label, language
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._picture, self._sound = PictureTrack(), SoundTrack(self.session.rate)
        self._channel: RTCDataChannel | None = None
        self._recorder: Recorder | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = self._speaking = False
        self._frames: FramesInLoop | None = None
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str) -> str:
        """The answer to an SDP offer.  Raises SettingsError for what is no offer of sound, picture and a data channel."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            self._connection.addTrack(self._sound)
            self._connection.addTrack(self._picture)
            wanted = {"audio", "video"} <= {one.kind for one in self._connection.getTransceivers()}
            if not wanted or self._connection.sctp is None:
                raise ValueError("sound, picture or data channel is missing")
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except Exception as error:  # aiortc's parser raises whatever the text makes it stumble over
            await self.close()
            raise SettingsError(
                f"This is no WebRTC offer that can be answered ({type(error).__name__}: {error}). "
                "Expected sound, picture and a data channel."
            ) from error
        self._start(self._give_up())
        return str(self._connection.localDescription.sdp)

    async def close(self) -> None:
        """End it; a recording that runs is completed.  May be called twice."""
        if self.closed.is_set():
            return
        self.closed.set()
        try:
            await self._put_away()
        finally:
            self.gone.set()

    async def _put_away(self) -> None:
        self.session.close()
        if self._frames is not None:
            await self._frames.close()
        if self._recorder is not None:
            self._recorder.finish()
            await asyncio.to_thread(self._recorder.join)
        self._picture.stop()
        self._sound.stop()
        await self._connection.close()
        current = asyncio.current_task()
        for task in [task for task in self._tasks if task is not current]:
            task.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_up(self) -> None:
        """A peer that offers and never comes holds no place for long."""
        await asyncio.sleep(SECONDS_TO_CONNECT)
        if self._frames is None:
            log.info("A peer did not connect within %g s.", SECONDS_TO_CONNECT)
            await self.close()

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and self._frames is None:
            self._frames = FramesInLoop(self.session, self._label)
            self._start(self._perform(self._frames))
        elif state in ("failed", "closed"):
            self._start(self.close())

    async def _perform(self, frames: FramesInLoop) -> None:
        """Hand every frame on; stats now and then.  What ends the frames too early is told."""
        between = round(SECONDS_BETWEEN_STATS * self.session.stage.fps)
        try:
            count = 0
            async for frame in frames:
                self._hand_on(frame)
                count += 1
                if count % between == 0:
                    self._tell_stats()
        except SonicError as error:
            log.warning("A session ended: %s", error)
            self._tell_error(error)
        finally:
            await self.close()

    def _hand_on(self, frame: LiveFrame) -> None:
        self._sound.play(frame)
        self._picture.show(frame)
        if self._recorder is not None:
            self._recorder.add(frame)
        if frame.speaking != self._speaking:
            self._speaking = frame.speaking
            self._tell("speaking", value=frame.speaking)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._start(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        """The peer's sound, as long as it is listened to."""
        while True:
            try:
                frame = cast(av.AudioFrame, await track.recv())
            except MediaStreamError:
                self.session.end_of_speech()
                return
            if not self._listening or self.closed.is_set():
                continue
            samples = samples_of(frame)
            if self.session.waiting > MOST_WAITING and np.abs(samples).max(initial=0) < QUIET:
                continue
            try:
                self.session.push_audio(samples, frame.sample_rate)
            except SonicError as error:
                self._tell_error(error)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        channel.on("message", self._on_message)
        settings = self.session.settings
        self._tell(
            "ready",
            seed=settings.seed,
            emotion=settings.emotion,
            emotion_strength=settings.emotion_strength,
            dynamic_scale=settings.dynamic_scale,
            motion_scale=settings.motion_scale,
            records=self._recording.job.output is not None,
            notes=self._in_words(self.session.stage.notes),
        )

    def _on_message(self, message: str | bytes) -> None:
        """What the page asks for: `{"do": ..., ...}`; anything else is answered by an error."""
        try:
            self._do(_asked(message))
        except SonicError as error:
            self._tell_error(error)

    def _do(self, asked: dict[str, Any]) -> None:
        match asked.get("do"):
            case "listen":
                self._listening = True
            case "end":
                self._listening = False
                self.session.end_of_speech()
            case "stop":
                self._listening = False
                self.session.interrupt()
            case "adjust":
                self.session.adjust(**_named(asked.get("settings")))
            case "record":
                self._record()
            case "finish":
                if self._recorder is not None:
                    self._recorder.finish()
            case other:
                raise SettingsError(f"The page asked for {other!r}, which is not known here. Load the page again.")

    def _record(self) -> None:
        if self._recorder is not None:
            raise SettingsError("A recording is running already. End it first.")
        loop = asyncio.get_running_loop()

        def done(result: Path | SonicError) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._on_recorded, result)

        self._recorder = self._recording.begin(self.session, done)
        self._tell("recording", value=True)

    def _on_recorded(self, result: Path | SonicError) -> None:
        repeated = self._recorder.repeated if self._recorder else 0
        self._recorder = None
        self._tell("recording", value=False)
        if isinstance(result, Path):
            self._recorded(result)
            self._tell("recorded", name=result.name, repeated=repeated)
        else:
            self._tell_error(result)

    def _tell_stats(self) -> None:
        stats, recorder = self.session.stats, self._recorder
        self._tell(
            "stats",
            frames=stats.frames,
            dropped=stats.dropped,
            latency=_whole(stats.latency_ms),
            latency_95=_whole(stats.latency_95_ms),
            load=round(stats.real_time_factor, 2),
            gaps=stats.gaps,
            waiting=round(stats.waiting, 2),
            recorded=None if recorder is None else round(recorder.seconds, 1),
        )

    def _tell_error(self, error: SonicError) -> None:
        self._tell("error", message=translated(str(error), self._language))

    def _in_words(self, sentences: Sequence[str]) -> list[str]:
        return [translated(sentence, self._language) for sentence in sentences]

    def _tell(self, what: str, **values: Any) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps({"tell": what, **values}))


def _asked(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, str) and len(message) <= LONGEST_MESSAGE:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        if isinstance(asked, dict):
            return asked
    raise SettingsError("The page sent a message that cannot be read. Load the page again.")


def _named(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise SettingsError(f"The page sent {type(settings).__name__} instead of settings. Load the page again.")
    return settings


def _whole(milliseconds: float) -> int | None:
    return None if np.isnan(milliseconds) else round(milliseconds)
