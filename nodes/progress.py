"""Several stages of work shown as one bar that moves evenly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sonic_core.progress import Preview, WholeWork, time_in_words

BAR_INTERVAL = 0.1  # s between two bar updates: each is a message to every open browser
PREVIEW_INTERVAL = 0.5  # s between two pictures
SURE_AFTER = 2.0  # s of work before the time left is told

Show = Callable[[float, "NDArray[np.uint8] | None"], None]


@dataclass(frozen=True)
class Part:
    """One of several clips that a node makes: which of how many, where its part of the bar begins, and how long that is, 0 to 1."""

    number: int = 1
    count: int = 1
    start: float = 0.0
    width: float = 1.0

    def of_all(self, share: float) -> float:
        return self.start + self.width * share

    def named(self, words: str) -> str:
        return f"clip {self.number}/{self.count}: {words}" if self.count > 1 else words


class WholeNodeProgress:
    """A sonic_core `Progress` that knows how much of the whole each stage is, and stops the work when asked to.

    stages: name -> share of the time (any unit), in order; stages not named only offer cancelling.
    show(share, picture): draws the bar, 0 to 1.  check: raises when the user pressed Cancel.  tell: writes stage, count and time left.
    part: what these stages make, of all that the node makes.
    """

    def __init__(
        self,
        stages: Mapping[str, float],
        show: Show,
        check: Callable[[], None],
        preview: bool = False,
        tell: Callable[[str], None] | None = None,
        part: Part | None = None,
    ) -> None:
        self.whole = WholeWork(stages)
        self.show, self.check, self.wants_preview = show, check, preview
        self.tell, self.part = tell, part or Part()
        self.stage, self.since = "", (0.0, 0.0)  # when the stage began, and the part of the whole that was done then
        self.shown_at = self.pictured_at = float("-inf")

    def weigh(self, stages: Mapping[str, float]) -> None:
        """Share out what is left of the bar to the stages that are still to come."""
        self.whole.weigh(stages)

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        self.check()
        share = self.part.of_all(self.whole(stage, done, total))
        now = time.monotonic()
        if stage != self.stage and stage in self.whole.spans:
            self.stage, self.since = stage, (now, share)
        due = self.wants_preview and now - self.pictured_at >= PREVIEW_INTERVAL
        pictured = preview if due else None
        if pictured is None and now - self.shown_at < BAR_INTERVAL and self.whole.share < 1.0 - 1e-9:
            return
        self.shown_at = now
        if pictured is not None:
            self.pictured_at = now
        self.show(share, pictured() if pictured is not None else None)
        if self.tell is not None and stage in self.whole.spans:
            begun, before = self.since
            self.tell(self.part.named(progress_line(stage, done, total, now - begun, share, before)))


def progress_line(stage: str, done: int, total: int, elapsed: float, share: float, before: float = 0.0) -> str:
    """ "encoding 120/1500, 3 min left": the time once enough has passed to tell.

    elapsed: s since the stage began.  share, before: of the whole that is done, and that was done then: work may be resumed in its middle.
    """
    counted = f"{stage} {done}/{total}"
    if elapsed < SURE_AFTER or share - before <= 0.02:
        return f"{counted}."
    return f"{counted}, {time_in_words(elapsed * (1 - share) / (share - before))} left."
