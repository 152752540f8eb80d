"""Frames drawn ahead of their use, several side by side, and handed out in their order: drawing and encoding overlap."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .threads import share_of_cores

Given = TypeVar("Given")
Made = TypeVar("Made")

MOST_WORKERS = 4  # numpy holds the GIL for a quarter of a frame: more would wait for each other
SMALL = 500_000
"""Pixels below which a frame is many short calls: two threads would mostly hand Python's lock to each other (512 x 512 px: 9 % more CPU,
by the clock the same) and one draws ahead while the caller encodes.
"""
SPARE = 1  # finished frames that may wait beside those in work: each costs memory


def threads_for(pixels: int) -> int:
    """Threads that draw frames of so many pixels; 0 = none but the caller's, where this process's share is one core (threads.py)."""
    share = share_of_cores()
    if share == 1:
        return 0
    return 1 if pixels < SMALL else min(share or max(os.cpu_count() or 1, 2), MOST_WORKERS)


def drawn_ahead(draw: Callable[[Given], Made], given: Iterable[Given], workers: int) -> Iterator[Made]:
    """`draw` of each of `given`, in order, as `map` would give them; `workers` of them are in work at once.

    draw: independent of the calls before it and safe to call from several threads.  workers: threads, for example `threads_for` a
    picture; 0 = drawn when asked for, without threads.  At most workers + SPARE results are held.
    What `draw` raises comes where its result would have come.  Closing the iterator ends the work begun and draws no more.
    """
    if not workers:
        yield from map(draw, given)
        return
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="frames")
    try:
        for one in given:
            waiting.append(pool.submit(draw, one))
            if len(waiting) > workers + SPARE - 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
