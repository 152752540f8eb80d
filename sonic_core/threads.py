"""How many threads small networks get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small networks on one thread.

    They gain nothing from more; and where another program (a browser that shows the progress) wants the same cores, OpenMP's
    waiting threads cost many times the work itself: measured 73 s of CPU time instead of 8 s for a clip of 5 s on a busy two-core machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
