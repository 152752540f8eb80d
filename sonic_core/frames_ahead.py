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
SPARE = 1  # finished frames that may wait beside those in work: each costs memory


def drawn_ahead(draw: Callable[[Given], Made], given: Iterable[Given], workers: int | None = None) -> Iterator[Made]:
    """`draw` of each of `given`, in order, as `map` would give them; `workers` of them are in work at once.

    draw: independent of the calls before it and safe to call from several threads.  workers: None = a thread per core, 2 to
    MOST_WORKERS, or as many as this process's share (threads.py); 1 = drawn when asked for, without threads.
    At most workers + SPARE results are held.
    What `draw` raises comes where its result would have come.  Closing the iterator ends the work begun and draws no more.
    """
    workers = workers or min(share_of_cores() or max(os.cpu_count() or 1, 2), MOST_WORKERS)
    if workers == 1:
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
