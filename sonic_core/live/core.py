"""The live portrait without a clock: sound goes in as it comes, frames with their sound are pulled out as fast as one likes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.streaming import LIVE_SETTINGS, Moment, Stage
from ..errors import SettingsError
from ..frames import Frame
from ..settings import Settings
from .arrivals import Arrivals
from .cushion import Cushion
from .intake import Intake, Sound

MOST_STEPS = 4
FADE = 0.005
"""s over which sound is faded where it is cut off, so that it does not click."""
STILL_STEPS = 3
"""Steps without new sound after which nothing is kept back any more: it was the end, though nobody said so."""


@dataclass(frozen=True)
class LiveFrame:
    """One frame of the live portrait with the sound that belongs to it.

    image: RGB uint8 `[H, W, 3]`, read-only.  audio: float32 `[rate / 25]` for exactly this frame's time.  time: s since the start, of the
    frame's first sample.  speaking: a voice is heard in it.  drawn: False = left out by a slow machine, `image` is the one before.
    arrived: when the last of its sound was pushed, by the session's clock; None for silence and for sound that was sent far ahead.
    through: how much of what was pushed is handed out with its end or was dropped, s; to be compared with `LiveSession.pushed`.
    """

    image: Frame
    audio: NDArray[np.float32]
    time: float
    speaking: bool
    drawn: bool = True
    arrived: float | None = None
    through: float = 0.0


class LiveCore:
    """A performance that is pulled frame by frame; what is pulled without sound at hand is a living face in silence.

    stage: from `Engine.stage`.  settings: those of LIVE_SETTINGS act, and may change.  rate: of the frames' sound, Hz.
    longest_wait: seconds of sound that may wait.  clock: for `LiveFrame.arrived` alone.
    `push_audio`, `end_of_speech`, `interrupt` and `adjust` may be called from any thread, `pull` from one.
    """

    def __init__(
        self,
        stage: Stage,
        settings: Settings | None = None,
        rate: int = 48_000,
        longest_wait: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage, self.settings, self.rate = stage, settings or Settings(), rate
        self.frame_samples = round(rate / stage.fps)
        self._intake = Intake(rate, longest_wait)
        self._frame_ticks = round(self._intake.ticks_per_second / stage.fps)
        if self._frame_ticks * stage.fps != self._intake.ticks_per_second:
            raise SettingsError(
                f"The sound's rate is {rate} Hz, of which a frame of 1/{stage.fps:g} s holds no whole number of samples; "
                "use 48000, 44100 or 16000."
            )
        self._arrivals = Arrivals(clock, self._intake.ticks_per_second)
        self._arrivals.restart(stage.look_ahead * self._frame_ticks)
        self._performance = stage.perform(self.settings)
        self._lock = threading.Lock()
        self._open = self._playing = self._interrupted = self._adjusted = False
        self._after_gap = False
        self._tail: NDArray[np.float32] | None = None  # of a sound that was cut off, for the next frame
        self._cushion = Cushion()
        self._seen = self._still = 0  # ticks that waited at the last step, steps since more came
        self._moments: deque[Moment] = deque()
        self._ahead = self._silent_look_ahead()  # the sound of `_moments` and after, a frame each
        self._image: Frame | None = None
        self._pulled = 0
        self.gaps = 0
        self.dropped_sound = 0.0

    @property
    def waiting(self) -> float:
        """Seconds of sound that are not yet taken up."""
        with self._lock:
            return self._intake.seconds

    @property
    def pushed(self) -> float:
        """Seconds of sound that were taken in so far."""
        with self._lock:
            return self._arrivals.pushed_ticks / self._intake.ticks_per_second

    def push_audio(self, samples: NDArray[np.floating], rate: int) -> None:
        """Sound to speak next: floats within -1..1, `[n]` or `[channels, n]`, of any length and at any usual rate.

        Raises AudioError for what is no sound, SoundBufferFullError (nothing is taken then) when more than `longest_wait` s would wait.
        """
        with self._lock:
            seconds = self._intake.push(samples, rate)
            self._open = True
            self._arrivals.pushed(self._intake.ticks, seconds)

    def end_of_speech(self) -> None:
        """The utterance that was pushed is complete; what is left of it is spoken without waiting for more."""
        with self._lock:
            self._intake.end()
            self._arrivals.pushed(self._intake.ticks, 0.0)
            self._open = False

    def interrupt(self) -> None:
        """Drop what was pushed and not yet pulled; the mouth comes to rest within two frames."""
        with self._lock:
            self.dropped_sound += self._intake.clear()
            self._arrivals.clear()
            self._open = self._playing = False
            self._cushion.rest()
            self._interrupted = True

    def adjust(self, **settings: Any) -> Settings:
        """Change some of LIVE_SETTINGS while it runs; returns all settings.

        Raises SettingsError for others and for values out of range.
        """
        unknown = [name for name in settings if name not in LIVE_SETTINGS]
        if unknown:
            raise SettingsError(
                f"{', '.join(unknown)} cannot change while a portrait is live; expected {', '.join(LIVE_SETTINGS)}. Start another session."
            )
        with self._lock:
            self.settings = replace(self.settings, **settings)
            self._adjusted = True
            return self.settings

    @property
    def settled(self) -> int:
        """Frames that can be pulled without hearing more."""
        return len(self._moments)

    def pull(self, draw: bool = True, hurried: bool = False) -> LiveFrame:
        """The next frame; takes up waiting sound where a step of it is due, silence where none waits.

        draw: False repeats the last image.  hurried: hear several steps at once where they wait, which costs less a frame.
        """
        self._apply_changes()
        if not self._moments:
            sound = self._next_steps(hurried)
            self._ahead.extend(sound.shown.reshape(-1, self.frame_samples))
            self._moments.extend(self._performance.hear(sound.heard))
        moment, audio = self._moments.popleft(), self._ahead.popleft()
        if self._tail is not None:
            audio, self._tail = np.clip(audio + self._tail, -1, 1), None
        drawn = draw or self._image is None
        if drawn:
            self._image = self.stage.draw(moment.pose)
            self._image.setflags(write=False)
        first = self._pulled * self._frame_ticks
        self._pulled += 1
        with self._lock:
            arrived = self._arrivals.of_frame(first, first + self._frame_ticks)
            through = self._arrivals.handed_ticks / self._intake.ticks_per_second
        image = self._image
        assert image is not None
        return LiveFrame(image, audio, (self._pulled - 1) / self.stage.fps, moment.speaking, drawn, arrived, through)

    def _apply_changes(self) -> None:
        """What other threads asked for since the last frame."""
        with self._lock:
            interrupted, adjusted, settings = self._interrupted, self._adjusted, self.settings
            self._interrupted = self._adjusted = False
        if adjusted:
            self._performance.adjust(settings)
        if interrupted:
            self._performance.interrupt(len(self._moments))
            self._tail = self._ahead[0] * _fall(self.frame_samples, self.rate)
            self._moments.clear()
            self._ahead = self._silent_look_ahead()
            with self._lock:
                dropped = self._arrivals.restart((self._pulled + self.stage.look_ahead) * self._frame_ticks)
                self.dropped_sound += dropped / self._intake.ticks_per_second

    def _silent_look_ahead(self) -> deque[NDArray[np.float32]]:
        """The sound of the frames that a performance begins with."""
        return deque(np.zeros((self.stage.look_ahead, self.frame_samples), np.float32))

    def _next_steps(self, hurried: bool) -> Sound:
        """The sound of the next step of the performance; of several where one must hurry and they wait."""
        step = self.stage.step * self._frame_ticks
        with self._lock:
            waiting = self._intake.ticks
            if not self._playing:
                self._still = self._still + 1 if waiting == self._seen else 0
                self._seen = waiting
                holds = self._open and self._still < STILL_STEPS
                held_back = round(self._cushion.seconds * self._intake.ticks_per_second) if holds else 0
                count = min(step, max(0, waiting - held_back))
                self._playing = count > 0
                return self._taken(step - count, count, 0)
            if waiting >= step:
                steps = min(waiting // step, MOST_STEPS) if hurried else 1
                self._cushion.hold((waiting - steps * step) / self._intake.ticks_per_second)
                self._shorten(step)
                return self._taken(0, steps * step, 0)
            self._playing = False
            if self._open:
                self.gaps += 1
                self._cushion.tear()
            else:
                self._cushion.rest()
            return self._taken(0, waiting, step - waiting)

    def _shorten(self, step: int) -> None:
        """Leave out silence of the next step for what waits since a gap and is not needed any more."""
        second = self._intake.ticks_per_second
        spare = round(self._cushion.spare * second)
        if spare:
            start, count = self._intake.leave_out_quiet(step, spare)
            self._arrivals.left_out(start, count)
            self._cushion.shorten(count / second)

    def _taken(self, before: int, count: int, after: int) -> Sound:
        """`count` ticks of what waits between silence, on the time line; faded where a gap tears it."""
        self._arrivals.taken(before, count, after)
        sound = self._intake.take(count)
        shown = sound.shown
        if self._after_gap and count:
            shown, self._after_gap = shown * (1 - _fall(len(shown), self.rate)), False
        if after and self._open:
            shown, self._after_gap = shown * (1 - _fall(len(shown), self.rate)[::-1]), True
        lead, rest = self._intake.silence(before), self._intake.silence(after)
        return Sound(
            np.concatenate([lead.shown, shown, rest.shown]), np.concatenate([lead.heard, sound.heard, rest.heard])
        )


def _fall(length: int, rate: int) -> NDArray[np.float32]:
    """Gain `[length]` that falls from 1 to 0 within FADE."""
    return np.clip(1 - np.arange(length) / (FADE * rate), 0, 1).astype(np.float32)
