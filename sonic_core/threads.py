"""How many threads small networks get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small networks and small pictures on one thread per caller.

    They gain nothing from more; and where another program (a browser that shows the progress) wants the same cores, OpenMP's
    waiting threads cost many times the work itself: measured 73 s of CPU time instead of 8 s for a clip of 5 s on a busy two-core machine.
    What gains from two cores are whole frames side by side (frames_ahead.py).
    """
    import cv2
    import torch

    torch_before, cv2_before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(torch_before)
        cv2.setNumThreads(cv2_before)
