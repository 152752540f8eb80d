"""Two pieces of work at the same time, as if one came after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .progress import Preview, Progress
from .threads import share_of_cores

First = TypeVar("First")
Second = TypeVar("Second")


def side_by_side(
    first: Callable[[], First], second: Callable[[Progress], Second], progress: Progress
) -> tuple[First, Second]:
    """What both give; `second` runs in a thread meanwhile where this process has another core.

    Reports and errors come in the caller's thread and in the usual order: what `second` tells its `Progress` reaches `progress` after
    `first`; if `first` fails, nobody hears of `second`, for whose end it waits.  `second` should be short;
    both share nothing that changes.
    """
    if (share_of_cores() or os.cpu_count()) == 1:
        return first(), second(progress)
    told: list[tuple[str, int, int, Preview | None]] = []

    def note(stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        told.append((stage, done, total, preview))

    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        later = pool.submit(second, note)
        one = first()
    for report in told:
        progress(*report)
    return one, later.result()
