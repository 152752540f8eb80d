"""How many threads small networks get, how many cores a process, and that no library makes them real-time threads."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SHARE = "SONIC_PORTRAIT_THREADS"
"""Environment variable: cores that this process shall use, where several work side by side.  `batch` sets it for its workers."""
ONE_THREAD_OF_NUMPY = ("OPENBLAS_NUM_THREADS", "1")
"""NumPy's products are small here; its other threads spin when it is loaded, and after each product that they had a part in."""
GARBAGE_THRESHOLD = 50_000
"""New objects of Python's from one search for garbage to the next: the usual 700 are for programs that load little."""


def prepare_process() -> None:
    """Settings that belong to a whole process and must stand before NumPy and torch are loaded; the user's own win."""
    # OpenMP threads that wait by spinning cost seconds in the small face networks when other programs use the cores too
    # (measured: 5 s of CPU time against 0.4 s).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault(*ONE_THREAD_OF_NUMPY)
    _look_for_garbage_seldom()


def _look_for_garbage_seldom() -> None:
    """Python's search for circular garbage leaves libraries alone: they are never let go of, and PyTorch's are half a million objects.

    Counted from 700 new objects, as usual, they are gone through dozens of times while they load, and once more at the end of the process,
    when all of it goes anyway.  Pictures and sound are counted by reference, not found by this search.
    """
    gc.set_threshold(GARBAGE_THRESHOLD, 5, 5)
    atexit.unregister(_end_without_search)
    atexit.register(_end_without_search)


def _end_without_search() -> None:
    if "triton" not in sys.modules:  # it would list on stderr what it still holds
        gc.freeze()


def share_of_cores() -> int:
    """Cores that this process shall use; 0 = nobody has said, take what there is."""
    given = os.environ.get(SHARE, "")
    return int(given) if given.isdecimal() else 0


@contextmanager
def sharing(cores: int) -> Iterator[None]:
    """Inside, the share of this whole process, and of those that it starts, is so many cores: for one thread at a time."""
    before = os.environ.get(SHARE)
    os.environ[SHARE] = str(cores)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SHARE]
        else:
            os.environ[SHARE] = before


_lock = threading.Lock()
_inside: Counter[int] = Counter()
"""Threads that are inside `one_thread` now, by ident, and how deep.  OpenCV counts for the process, torch for each of its threads."""
_usual: dict[str, int] = {}
"""What OpenCV and torch go back to."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small networks and small pictures on one thread per caller.

    They gain nothing from more; and where another program (a browser that shows the progress) wants the same cores, OpenMP's
    waiting threads cost many times the work itself: measured 73 s of CPU time instead of 8 s for a clip of 5 s on a busy two-core machine.
    What gains from two cores are whole frames side by side (frames_ahead.py).
    """
    import cv2

    torch = sys.modules.get("torch")  # where nobody uses it, nobody waits for its import
    caller = threading.get_ident()
    with _lock:
        if not _inside:
            _usual.clear()
            _usual["cv2"] = cv2.getNumThreads()
        if torch:
            _usual.setdefault("torch", torch.get_num_threads())
            torch.set_num_threads(1)
        cv2.setNumThreads(1)
        _inside[caller] += 1
    try:
        yield
    finally:
        with _lock:
            _inside[caller] -= 1
            if not _inside[caller]:
                del _inside[caller]
                if torch:
                    torch.set_num_threads(_usual["torch"])
            if not _inside:
                cv2.setNumThreads(_usual["cv2"])


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """Threads of this process that have become real-time threads inside go back to the scheduling that the caller had.

    SVT-AV1 gives its threads, and the one that opens it, the highest real-time priority wherever it may: as root, hence in containers.
    Everything that is begun later would inherit it, and nothing else on the machine would get those cores.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        real_time = {os.SCHED_FIFO, os.SCHED_RR} - {policy}
        for thread in [0, *(int(task.name) for task in Path("/proc/self/task").glob("*"))]:
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(thread) in real_time:
                    os.sched_setscheduler(thread, policy, parameters)
