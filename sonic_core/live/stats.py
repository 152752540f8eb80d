"""How a live session fares: latency, lateness, what was dropped, how much of the time the work takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

REMEMBERED = 3_000  # frames, two minutes


@dataclass(frozen=True)
class LiveStats:
    """Since the session's start, or over its last two minutes where it says so.

    frames: handed out.  dropped: of these, not drawn because the machine was too slow; their sound was handed out all the same.
    latency_ms, latency_95_ms: from the moment the last sound of a frame was pushed to the frame, median and 95th percentile of the last
    two minutes' frames with sound pushed as it is spoken; NaN without such.  lateness_ms, lateness_95_ms: of frames behind the clock.
    real_time_factor: seconds of work for a second of video, last two minutes.
    gaps: times that sound was late or lost in mid-speech.  dropped_sound: seconds that `interrupt` dropped.
    waiting: seconds of sound that wait.  restarted: times that the clock started anew after a standstill of seconds.
    """

    frames: int
    dropped: int
    latency_ms: float
    latency_95_ms: float
    lateness_ms: float
    lateness_95_ms: float
    real_time_factor: float
    gaps: int
    dropped_sound: float
    waiting: float
    restarted: int

    def __str__(self) -> str:
        return (
            f"{self.frames} frames, {self.dropped} dropped, latency {self.latency_ms:.0f} ms (95 %: {self.latency_95_ms:.0f}), "
            f"late by {self.lateness_ms:.0f} ms (95 %: {self.lateness_95_ms:.0f}), {self.real_time_factor:.2f} of real time, "
            f"{self.gaps} gaps in the sound, {self.dropped_sound:.1f} s of sound dropped on interruption"
        )


class Measured:
    """What a session notes for its stats."""

    def __init__(self) -> None:
        self.frames = self.dropped = self.restarted = 0
        self._latency: deque[float] = deque(maxlen=REMEMBERED)
        self._lateness: deque[float] = deque(maxlen=REMEMBERED)
        self._work: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, drawn: bool, latency: float | None, lateness: float, work: float) -> None:
        """A frame was handed out; times in seconds."""
        self.frames += 1
        self.dropped += not drawn
        if latency is not None:
            self._latency.append(latency)
        self._lateness.append(max(0.0, lateness))
        self._work.append(work)

    def stats(self, fps: float, gaps: int, dropped_sound: float, waiting: float) -> LiveStats:
        """All of it, worked out."""
        latency, lateness = list(self._latency), list(self._lateness)
        work = list(self._work)
        return LiveStats(
            self.frames,
            self.dropped,
            *_middle_and_high(latency),
            *_middle_and_high(lateness),
            real_time_factor=float(np.mean(work)) * fps if work else 0.0,
            gaps=gaps,
            dropped_sound=dropped_sound,
            waiting=waiting,
            restarted=self.restarted,
        )


def _middle_and_high(seconds: list[float]) -> tuple[float, float]:
    """Median and 95th percentile in ms; NaN of nothing."""
    if not seconds:
        return float("nan"), float("nan")
    middle, high = np.percentile(seconds, [50, 95])
    return 1000 * float(middle), 1000 * float(high)
