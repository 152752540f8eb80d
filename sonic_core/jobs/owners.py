"""Owners of claims: whether a process that has claimed a clip is still there."""

from __future__ import annotations

import os
import socket
import sys
import time

LEASE = 60.0
"""Seconds after which an owner that was not heard of has lost its clip."""


def is_dead(host: str, pid: int, beat: float) -> bool:
    """Whether an owner's process is certainly gone, or has not been heard of for LEASE seconds.

    beat: when it was last heard of, seconds of the system's clock.
    """
    if abs(time.time() - beat) > LEASE:
        return True
    if host != socket.gethostname() or sys.platform == "win32":  # os.kill(pid, 0) would end a process there
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[:1] == ["Z"]
    except OSError:
        return False
