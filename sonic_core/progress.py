"""How long work reports and how it is cancelled: one callback, called often, that may raise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:  # the command line reads this file before it says how many threads NumPy gets
    import numpy as np
    from numpy.typing import NDArray

Preview: TypeAlias = "Callable[[], NDArray[np.uint8]]"


class Progress(Protocol):
    """Called after every step, decoded chunk and encoded frame.

    stage: what is being done, in one word ("audio", "portrait", "sampling", "rendering", "encoding").
    done, total: units of that stage.  preview: makes an RGB uint8 picture of the state, only when it is wanted.
    Whatever it raises stops the work: files are cleaned up and the exception reaches the caller unchanged.
    """

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None: ...


def ignore(stage: str, done: int, total: int, preview: Preview | None = None) -> None:
    """Report to nobody."""


class Heartbeat:
    """Says the same again while a long piece of work goes on, so that whoever listens can stop it; may be called as often as one likes.

    report: tells how far the work is.  seconds: between two reports.
    """

    def __init__(self, report: Callable[[], None], seconds: float = 0.5) -> None:
        self.report, self.seconds = report, seconds
        self.told_at = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self.told_at >= self.seconds:
            self.told_at = now
            self.report()


class WholeWork:
    """What part of a whole job is done, from what its stages report; it never goes back.

    stages: name -> time (any unit) that it takes, in order.
    """

    def __init__(self, stages: Mapping[str, float]) -> None:
        self.share = 0.0
        self.spans: dict[str, tuple[float, float]] = {}
        self.weigh(stages)

    def weigh(self, stages: Mapping[str, float]) -> None:
        """Know better how long the stages that are still to come take: they share what is left."""
        whole = sum(stages.values()) or 1.0
        start, left = self.share, 1.0 - self.share
        self.spans = {}
        for name, taken in stages.items():
            self.spans[name] = (start, left * taken / whole)
            start += left * taken / whole

    def __call__(self, stage: str, done: int, total: int) -> float:
        """The part of the whole, 0 to 1.  Stages that were not named do not move it."""
        start, width = self.spans.get(stage, (self.share, 0.0))
        self.share = max(self.share, min(1.0, start + width * done / max(1, total)))
        return self.share


def time_in_words(seconds: float) -> str:
    """A length of time as people say it: "40 s", "12 min", "3 h 20 min", "2 days 5 h"."""
    if seconds < 99.5:
        return f"{max(0.0, seconds):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"
