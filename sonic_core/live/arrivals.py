"""When the sound of a frame came in: what latency is counted from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

AS_SPOKEN = 0.2
"""s: a piece longer than this, or behind more than this, was sent ahead of time; its waiting is no latency."""


class Arrivals:
    """Follows pieces from the moment they were pushed to the place on the session's time line where they are spoken; all in ticks."""

    def __init__(self, clock: Callable[[], float], ticks_per_second: int) -> None:
        self._clock, self._second = clock, ticks_per_second
        self._waiting: deque[tuple[int, float | None]] = deque()  # end among the ticks that wait, arrival
        self._placed: deque[tuple[int, int, float | None]] = deque()  # start and end on the time line, arrival
        self._end = 0
        self._until_dropped = self._handed_to = 0
        self.pushed_ticks = 0
        self.handed_ticks = 0
        """Of what was pushed: what left in frames or was dropped."""

    def pushed(self, waiting: int, seconds: float) -> None:
        """A piece of `seconds` came, and now `waiting` ticks wait."""
        before = self._waiting[-1][0] if self._waiting else 0
        if waiting > before:
            sent_ahead = max(seconds, before / self._second) > AS_SPOKEN
            self.pushed_ticks += waiting - before
            self._waiting.append((waiting, None if sent_ahead else self._clock()))

    def taken(self, before: int, count: int, after: int) -> None:
        """Silence, then `count` of the waiting ticks, then silence were put at the end of the time line."""
        start, done = self._end + before, 0
        while done < count and self._waiting:
            end, arrival = self._waiting[0]
            part = min(end, count)
            self._placed.append((start + done, start + part, arrival))
            done = part
            if end <= count:
                self._waiting.popleft()
        self._waiting = deque((end - count, arrival) for end, arrival in self._waiting)
        self._end += before + count + after

    def left_out(self, start: int, count: int) -> None:
        """`count` of the waiting ticks from `start` on are never spoken."""
        self._waiting = deque((end - min(count, max(0, end - start)), arrival) for end, arrival in self._waiting)
        self.handed_ticks += count

    def of_frame(self, first: int, last: int) -> float | None:
        """When the newest sound of the frame from tick `first` to `last` came; None where none did or it was sent ahead."""
        arrival, self._handed_to = None, last
        while self._placed and self._placed[0][0] < last:
            start, end, arrival = self._placed[0]
            self.handed_ticks += max(0, min(end, last) - max(start, first))
            if end > last:
                break
            self._placed.popleft()
        return arrival

    def clear(self) -> None:
        """What waits was dropped, and what was placed will be."""
        self._waiting.clear()
        self._until_dropped = self.pushed_ticks

    def restart(self, end: int) -> int:
        """The time line goes on at tick `end` with nothing placed; returns the ticks of sound that were and are dropped."""
        dropped = sum(last - max(first, self._handed_to) for first, last, _ in self._placed)
        self._placed.clear()
        self._end, self.handed_ticks = end, self._until_dropped
        return dropped
