"""Owners of claims: whether a process that has claimed a clip is still there."""

from __future__ import annotations

import os
import socket
import sys
import time

BEAT = 5.0  # s between two reports of an owner
LEASE = 60.0
"""Seconds after which an owner that was not heard of has lost its clip."""


class Attention:
    """Notices that this process has slept, its whole machine perhaps: then no other could be heard of either."""

    def __init__(self) -> None:
        self._looked = time.time()
        self._woke = float("-inf")

    def silence_counts(self) -> bool:
        """To be asked before every search for dead owners: whether one is dead that is not heard of."""
        now, before = time.time(), self._looked
        self._looked = now
        if abs(now - before) > LEASE / 2:
            self._woke = time.monotonic()
        return time.monotonic() - self._woke > 2 * BEAT


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
