"""Several stages of work shown as one bar that moves evenly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..sonic_core.progress import Preview

BAR_INTERVAL = 0.1  # s between two bar updates: each is a message to every open browser
PREVIEW_INTERVAL = 0.5  # s between two pictures
SURE_AFTER = 2.0  # s of work before the time left is told

Show = Callable[[float, "NDArray[np.uint8] | None"], None]


class WholeNodeProgress:
    """A sonic_core `Progress` that knows how much of the whole each stage is, and stops the work when asked to.

    stages: name -> share of the time (any unit), in order; stages not named only offer cancelling.
    show(share, picture): draws the bar, 0 to 1.  check: raises when the user pressed Cancel.  tell: writes stage, count and time left.
    """

    def __init__(
        self,
        stages: Mapping[str, float],
        show: Show,
        check: Callable[[], None],
        preview: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        whole = sum(stages.values())
        self.spans: dict[str, tuple[float, float]] = {}
        start = 0.0
        for name, share in stages.items():
            self.spans[name] = (start, share / whole)
            start += share / whole
        self.show, self.check, self.wants_preview = show, check, preview
        self.tell = tell
        self.share = 0.0
        self.began = time.monotonic()
        self.shown_at = self.pictured_at = float("-inf")

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        self.check()
        start, width = self.spans.get(stage, (self.share, 0.0))
        self.share = max(self.share, min(1.0, start + width * done / max(1, total)))
        now = time.monotonic()
        due = self.wants_preview and now - self.pictured_at >= PREVIEW_INTERVAL
        pictured = preview if due else None
        if pictured is None and now - self.shown_at < BAR_INTERVAL and self.share < 1.0 - 1e-9:
            return
        self.shown_at = now
        if pictured is not None:
            self.pictured_at = now
        self.show(self.share, pictured() if pictured is not None else None)
        if self.tell is not None and stage in self.spans:
            self.tell(progress_line(stage, done, total, now - self.began, self.share))


def progress_line(stage: str, done: int, total: int, elapsed: float, share: float) -> str:
    """ "encoding 120/1500, 3 min 20 s left": the time once enough has passed to tell."""
    counted = f"{stage} {done}/{total}"
    if elapsed < SURE_AFTER or share <= 0.02:
        return f"{counted}."
    minutes, seconds = divmod(round(elapsed * (1 - share) / share), 60)
    return f"{counted}, {minutes} min {seconds} s left."
