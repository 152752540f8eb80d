"""Stopping: Ctrl-C, a job queue's SIGTERM, a closed terminal; each ends the work once, and cleaning up is not interrupted."""

from __future__ import annotations

import os
import signal
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
IMPATIENT = 3
"""Signals after which the process ends at once, clean or not."""
_come = 0
"""Signals since the command began."""
_waits = 0
"""How deep in `signals_wait` the main thread is."""
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # SIGHUP is POSIX's, SIGBREAK Windows'


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """The first signal raises KeyboardInterrupt; a second one waits for the cleaning up; the third ends the process.

    Signals that the caller ignores (nohup) stay ignored.  Only in the main thread, where Python lets handlers be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _come
    _come = 0

    def stop(number: int, frame: object) -> None:
        global _come
        _come += 1
        if _come >= IMPATIENT:
            os._exit(INTERRUPTED)
        if _come == 1 and not _waits:
            raise KeyboardInterrupt

    known = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    earlier = {number: signal.getsignal(number) for number in known}
    for number, handler in earlier.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            if handler is not None:
                signal.signal(number, handler)
        _come = 0


@contextmanager
def signals_wait() -> Iterator[None]:
    """The first signal that comes inside interrupts at the end.  For the main thread, where signals come; others are not concerned."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _waits
    before = _come
    _waits += 1
    try:
        yield
    finally:
        _waits -= 1
        if not _waits and _come and not before:
            raise KeyboardInterrupt


@contextmanager
def interruption_undisguised() -> Iterator[None]:
    """Libraries that are interrupted while they load say that something is missing (NumPy: ImportError): a KeyboardInterrupt again."""
    try:
        yield
    except Exception as error:
        if _come:
            raise KeyboardInterrupt from error
        raise


def forget_interruption() -> None:
    """To be called where an interruption was dealt with, for the exit code to count.

    CPython notes that an `exec` of a text, such as dataclasses and namedtuples are made by, was interrupted, and would end the process as
    if SIGINT had done it, whoever caught the KeyboardInterrupt (`run_eval_code_obj`); the next such text, for example a namedtuple's,
    takes the note away.
    """
    namedtuple("Nothing", ())
