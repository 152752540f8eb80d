"""The sound that waits to be spoken: pieces of any size, rate and number of channels go in, one line at one rate comes out."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.stream_resampling import StreamResampler
from ..engines.streaming import HEARING_RATE
from ..errors import AudioError, SoundBufferFullError

Samples = NDArray[np.float32]

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
QUIET = 0.003
"""-50 dB: what is softer may be left out where nothing else is for QUIET_AROUND s to either side."""
QUIET_AROUND = 0.01
LONGEST_BLOCK = 0.02  # s of sound that a resampler may wait for to make a whole number of samples


@dataclass(frozen=True)
class Sound:
    """The same stretch of sound twice: `shown` at the session's rate for the listener, `heard` at 16 kHz for the engine."""

    shown: Samples
    heard: Samples


class Intake:
    """Mono sound at `rate` and its copy at 16 kHz, in step with each other; not safe for several threads by itself.

    longest: seconds that may wait.
    """

    def __init__(self, rate: int, longest: float) -> None:
        self.rate, self.longest = rate, longest
        self._given_rate = rate
        self._in: StreamResampler | None = None
        self._hear = StreamResampler(rate, HEARING_RATE)
        self._shown, self._heard = _Line(), _Line()
        self._tick = math.gcd(rate, HEARING_RATE)

    @property
    def seconds(self) -> float:
        """How much waits and can be taken."""
        return self.ticks / self._tick

    @property
    def ticks(self) -> int:
        """The same in the shortest stretch of time that is a whole number of samples on both lines."""
        return min(self._shown.length // (self.rate // self._tick), self._heard.length // (HEARING_RATE // self._tick))

    @property
    def ticks_per_second(self) -> int:
        return self._tick

    def push(self, samples: NDArray[np.floating], rate: int) -> float:
        """Take in a piece; returns its seconds.  Raises AudioError for what is no sound, SoundBufferFullError when too much would wait."""
        mono = _mono(samples)
        if not isinstance(rate, (int, np.integer)) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise AudioError(
                f"The sound's rate is {rate!r}; expected a whole number from {LOWEST_RATE} to {HIGHEST_RATE} Hz."
            )
        rate = int(rate)
        if rate // math.gcd(rate, self.rate) > LONGEST_BLOCK * rate:
            raise AudioError(
                f"Sound at {rate} Hz cannot be brought to {self.rate} Hz piece by piece. Send it at a usual rate, such as 16000 or 48000."
            )
        seconds = len(mono) / rate
        if self._shown.length / self.rate + seconds > self.longest:
            raise SoundBufferFullError(
                f"{seconds:.1f} s of sound were pushed while {self.seconds:.1f} s wait to be spoken; the session holds {self.longest:g} s. "
                "Push it as it is spoken (`waiting` tells how much is left), or make the session with a larger `longest_wait`."
            )
        if self._in is None or rate != self._given_rate:
            self._drain_in()
            self._in, self._given_rate = StreamResampler(rate, self.rate), rate
        self._add(self._in.push(mono))
        return seconds

    def end(self) -> None:
        """The utterance is over: let out what the filters hold back, rounded up to a whole tick by silence."""
        self._drain_in()
        self._heard.add(self._hear.flush())
        ticks = max(
            -(-self._shown.length // (self.rate // self._tick)), -(-self._heard.length // (HEARING_RATE // self._tick))
        )
        self._shown.pad(ticks * (self.rate // self._tick))
        self._heard.pad(ticks * (HEARING_RATE // self._tick))

    def take(self, ticks: int) -> Sound:
        """The oldest `ticks`, no more than wait."""
        return Sound(
            self._shown.take(ticks * (self.rate // self._tick)), self._heard.take(ticks * (HEARING_RATE // self._tick))
        )

    def leave_out_quiet(self, within: int, most: int) -> tuple[int, int]:
        """Drop up to `most` of the oldest `within` ticks where nothing is heard; returns where among those that wait, and how many.

        Half of a silence is left at least.
        """
        samples, around = self.rate // self._tick, round(QUIET_AROUND * self._tick)
        shown = np.abs(self._shown.peek(within * samples)).reshape(-1, samples).max(1)
        edges = np.flatnonzero(np.diff(np.r_[False, shown < QUIET, False].astype(np.int8)))
        starts, lengths = edges[::2], edges[1::2] - edges[::2] - 2 * around
        if not len(lengths) or lengths.max() <= 0:
            return 0, 0
        start, count = int(starts[lengths.argmax()]) + around, min(most, int(lengths.max()) // 2)
        for line, size in ((self._shown, samples), (self._heard, HEARING_RATE // self._tick)):
            line.leave_out(start * size, count * size)
        return start, count

    def silence(self, ticks: int) -> Sound:
        """As long a stretch of silence."""
        return Sound(
            np.zeros(ticks * (self.rate // self._tick), np.float32),
            np.zeros(ticks * (HEARING_RATE // self._tick), np.float32),
        )

    def clear(self) -> float:
        """Drop all that waits; returns its seconds."""
        dropped = self.seconds
        self._in, self._hear = None, StreamResampler(self.rate, HEARING_RATE)
        self._shown, self._heard = _Line(), _Line()
        return dropped

    def _drain_in(self) -> None:
        if self._in is not None:
            self._add(self._in.flush())
            self._in = None

    def _add(self, sound: Samples) -> None:
        if len(sound):
            sound = np.clip(sound, -1, 1)  # a resampled edge overshoots
            self._shown.add(sound)
            self._heard.add(self._hear.push(sound))


class _Line:
    """Samples in pieces, first in, first out."""

    def __init__(self) -> None:
        self._pieces: deque[Samples] = deque()
        self.length = 0

    def add(self, samples: Samples) -> None:
        if len(samples):
            self._pieces.append(samples)
            self.length += len(samples)

    def pad(self, length: int) -> None:
        self.add(np.zeros(max(0, length - self.length), np.float32))

    def peek(self, count: int) -> Samples:
        """The oldest, which stay."""
        oldest = self.take(count)
        self._put_back(oldest)
        return oldest

    def leave_out(self, start: int, count: int) -> None:
        """Drop `count` samples from `start` on."""
        before = self.take(start)
        self.take(count)
        self._put_back(before)

    def _put_back(self, samples: Samples) -> None:
        if len(samples):
            self._pieces.appendleft(samples)
            self.length += len(samples)

    def take(self, count: int) -> Samples:
        taken, missing = [], min(count, self.length)
        self.length -= missing
        while missing:
            piece = self._pieces.popleft()
            taken.append(piece[:missing])
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
            missing -= len(taken[-1])
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)


def _mono(samples: NDArray[np.floating]) -> Samples:
    """`[n]` or `[channels, n]` of floats -> `[n]` float32 within -1..1, a copy."""
    given = np.asarray(samples)
    if given.dtype.kind != "f" or given.ndim not in (1, 2) or (given.ndim == 2 and not 1 <= len(given) <= 64):
        raise AudioError(
            f"The sound is {given.dtype} of shape {given.shape}; expected floats within -1..1, [samples] or [channels, samples]. "
            "Divide 16-bit samples by 32768; turn [samples, channels] round."
        )
    mono = given.astype(np.float32) if given.ndim == 1 else given.mean(0, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError("The sound holds values that are no numbers (NaN or infinite). Send floats within -1..1.")
    return np.clip(mono, -1, 1)
