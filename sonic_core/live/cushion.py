"""How much sound is kept back against late packets: more after every gap, less again while all goes well."""

from __future__ import annotations

from collections import deque

CUSHION, LARGEST_CUSHION = 0.01, 0.2
"""s of sound that are kept back; at first, and at most after gaps."""
CUSHION_KEPT = 0.98
"""Share of the cushion beyond the smallest that is left after a step without a gap."""
STEPS_SEEN = 25
"""Steps, 2 s, in which more than the cushion has to wait before any of it is too much: packets may still come unevenly."""
SPARE = 0.001, 0.3
"""s that are worth shortening; more were sent ahead of time, and delay nobody."""


class Cushion:
    """seconds: to keep back now."""

    def __init__(self) -> None:
        self.seconds = CUSHION
        self._left: deque[float] = deque(maxlen=STEPS_SEEN)
        self._torn = False

    def tear(self) -> None:
        """Sound came too late."""
        self.seconds = min(2 * self.seconds, LARGEST_CUSHION)
        self._left.clear()
        self._torn = True

    def rest(self) -> None:
        """An utterance ended; before the next one nothing waits."""
        self._left.clear()
        self._torn = False

    def hold(self, left: float) -> None:
        """A step went well; `left` s wait after it."""
        self.seconds = CUSHION + CUSHION_KEPT * (self.seconds - CUSHION)
        self._left.append(left)

    def shorten(self, seconds: float) -> None:
        """So much less waits."""
        self._left = deque((left - seconds for left in self._left), STEPS_SEEN)

    @property
    def spare(self) -> float:
        """s that wait since a gap though nobody needs them any more."""
        if not self._torn or len(self._left) < STEPS_SEEN:
            return 0.0
        spare, (least, most) = min(self._left) - self.seconds, SPARE
        return spare if least <= spare <= most else 0.0
