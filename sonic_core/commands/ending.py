"""The end of a command's process."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

OURS = ("__main__", "runpy", __name__, f"{__package__.rpartition('.')[0]}.cli")
"""Modules whose calls lie between the interpreter and `leave` where nobody else runs the command."""
FOR_PROGRAMS = ("run_module", "run_path")
"""Functions of runpy by which a program runs another; the interpreter's `-m` calls others."""


def leave(code: int) -> NoReturn:
    """End the process with an exit code, without PyTorch's own end: it takes back thousands of operators one by one, 0.15 s of CPU.

    What threads and others still have to do at the end of a process is done before, as when a process of `multiprocessing` ends.  Where
    another program runs the command (a debugger, a profiler, coverage) or "torch" was not loaded the process ends as any other.
    """
    if "torch" in sys.modules and not _is_watched():
        with suppress(KeyboardInterrupt, Exception):  # the usual end says what is wrong and keeps the code
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(code)
    sys.exit(code)


def _is_watched() -> bool:
    """Whether somebody wants to go on when the command has ended."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") in OURS and frame.f_code.co_name not in FOR_PROGRAMS:
        frame = frame.f_back
    return frame is not None or bool(sys.flags.inspect) or sys.gettrace() is not None or sys.getprofile() is not None
