"""One process at a time: locks that end with the process that holds them, on what several may want to write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a file that is open elsewhere cannot be replaced
    fcntl = None  # type: ignore[assignment]

_LOOK_S = 0.2


@contextmanager
def alone_with(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the file `path`, which is made where it is missing, against other processes and threads that ask for the same.

    waiting: called several times a second meanwhile; raising from it gives up.  Whoever holds the file may rename or remove it: the next
    one makes it anew.  A disk without such locks (flock) holds nothing.
    """
    if fcntl is None:
        yield
        return
    while (handle := _held(path)) is None:
        waiting()
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        os.close(handle)


def _held(path: Path) -> int | None:
    """A handle that holds `path`, None while another one does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        return handle
    try:
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    except FileNotFoundError:
        pass
    os.close(handle)  # renamed or removed by whoever held it before
    return None
