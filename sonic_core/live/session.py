"""LiveSession: frames at 25 a second on the clock, each with its sound, while sound is pushed from anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.base import Engine
from ..engines.registry import load_engine
from ..engines.streaming import Stage
from ..errors import AudioError
from ..portrait.portrait import Portrait
from ..settings import Settings
from ..threads import one_thread
from .core import LiveCore, LiveFrame
from .stats import LiveStats, Measured

MOST_LEAD = 0.06
"""s before a frame is due at which its making begins at the earliest: the later, the newer its sound."""
LEAD_KEPT = 0.9
"""Share of the longest time that a frame took which is still allowed for after a quicker one."""
SKIPPED_IN_A_ROW = 4  # frames: even the slowest machine shows one in five
HURRIED_FROM = 0.2  # s of lateness
STANDSTILL = 2.0
"""s of lateness that are not made up for by leaving out frames: the machine slept or the frames were not asked for."""


class Clock:
    """The time that frames are paced by; tests bring their own."""

    def now(self) -> float:
        """Seconds since any moment."""
        return time.monotonic()

    def wait(self, seconds: float, closed: threading.Event) -> None:
        """Return after that time, or when the session is closed."""
        closed.wait(seconds)


class LiveSession:
    """A portrait that speaks what is pushed, 25 frames a second; iterate over it in a thread of its own.

        with LiveSession(portrait, Settings(min_resolution=512)) as session:
            session.push_audio(samples, 16_000)  # from any thread, as it comes
            for frame in session:                # waits until each is due
                show(frame.image, frame.audio)

    portrait: or a stage made of one by `Engine.stage`, which sessions can share and which saves their start most of a second.
    settings: of the picture and of the performance.  engine: one that streams, None = the default one.
    rate: of the frames' sound, Hz.  longest_wait: seconds of sound that may wait to be spoken.  clock: for tests.
    It works in the thread that iterates and has none of its own.  All other methods may be called from any thread.
    Raises SettingsError where engine or settings cannot be live, PortraitError where the portrait cannot speak.
    """

    def __init__(
        self,
        portrait: Portrait | Stage,
        settings: Settings | None = None,
        engine: Engine | None = None,
        *,
        rate: int = 48_000,
        longest_wait: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        settings = settings or Settings()
        stage = portrait if isinstance(portrait, Stage) else (engine or load_engine()).stage(portrait, settings)
        self._clock = clock or Clock()
        self._core = LiveCore(stage, settings, rate, longest_wait, self._clock.now)
        self._measured = Measured()
        self._closed = threading.Event()
        self._start: float | None = None
        self._leads = {True: 0.03, False: 0.015}  # by whether a step is heard for the frame
        self._skipped = 0

    @property
    def stage(self) -> Stage:
        """The portrait as it was made ready; width, height, fps and notes are told there."""
        return self._core.stage

    @property
    def rate(self) -> int:
        """Samples per second of the frames' sound."""
        return self._core.rate

    @property
    def settings(self) -> Settings:
        """As they act now."""
        return self._core.settings

    @property
    def waiting(self) -> float:
        """Seconds of sound that wait to be spoken."""
        return self._core.waiting

    @property
    def closed(self) -> bool:
        """Whether `close` was called; what waits then is never spoken."""
        return self._closed.is_set()

    @property
    def pushed(self) -> float:
        """Seconds of sound that were taken in so far; `LiveFrame.through` says how much of it is over."""
        return self._core.pushed

    @property
    def stats(self) -> LiveStats:
        """How the session fares."""
        core = self._core
        return self._measured.stats(core.stage.fps, core.gaps, core.dropped_sound, core.waiting)

    def push_audio(self, samples: NDArray[np.floating], rate: int) -> None:
        """Sound to speak next: floats within -1..1, `[n]` or `[channels, n]`, of any length and at any usual rate, which may change.

        Raises AudioError for what is no sound and after `close`, SoundBufferFullError (nothing is taken then) when more than
        `longest_wait` s would wait.
        """
        if self._closed.is_set():
            raise AudioError("Sound was pushed to a live session that is closed. Make a new session.")
        self._core.push_audio(samples, rate)

    def end_of_speech(self) -> None:
        """What was pushed is a complete utterance: its end is spoken without waiting for more, and what follows is silence, no gap."""
        self._core.end_of_speech()

    def interrupt(self) -> None:
        """Fall silent (barge-in): drop all sound that was not yet handed out; the mouth comes to rest within two frames."""
        self._core.interrupt()

    def adjust(self, **settings: Any) -> Settings:
        """Change seed, emotion, emotion_strength, dynamic_scale or motion_scale while it runs; returns all settings.

        Raises SettingsError for other names and for values out of range.
        """
        return self._core.adjust(**settings)

    def close(self) -> None:
        """End the iteration; what waits is dropped.  May be called twice."""
        self._closed.set()

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[LiveFrame]:
        """Frames when they are due, without end until `close`; frame i begins at i / fps s.  One thread may iterate."""
        with one_thread():
            while (frame := self._next()) is not None:
                yield frame

    def _next(self) -> LiveFrame | None:
        """The next frame at its time; None when the session is closed."""
        clock, core = self._clock, self._core
        hears = core.settled == 0
        if self._start is not None:
            self._wait_until(self._due() - self._leads[hears])
        if self._closed.is_set():
            return None
        begun = clock.now()
        late = begun - self._due() if self._start is not None else 0.0
        if late > STANDSTILL:
            self._start, late = begun - self._measured.frames / core.stage.fps, 0.0
            self._measured.restarted += 1
        draw = late < 1 / core.stage.fps or self._skipped >= SKIPPED_IN_A_ROW
        frame = core.pull(draw, hurried=late > HURRIED_FROM)
        self._skipped = 0 if frame.drawn else self._skipped + 1
        work = clock.now() - begun
        if self._start is None:  # the first frame is on time whenever it is there
            self._start = clock.now()
        elif frame.drawn:
            self._leads[hears] = min(max(work, LEAD_KEPT * self._leads[hears]), MOST_LEAD)
        self._wait_until(self._due())
        now = clock.now()
        latency = None if frame.arrived is None else now - frame.arrived
        self._measured.note(frame.drawn, latency, now - self._due(), work)
        return None if self._closed.is_set() else frame

    def _due(self) -> float:
        """When the next frame is to be handed out."""
        return (self._start or 0.0) + self._measured.frames / self._core.stage.fps

    def _wait_until(self, moment: float) -> None:
        seconds = moment - self._clock.now()
        if seconds > 0:
            self._clock.wait(seconds, self._closed)
