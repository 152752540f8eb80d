"""Temporary files of runs that were killed: known by their name, removed when they are old and nobody holds them."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which deletes no open file anyway
    fcntl = None  # type: ignore[assignment]

OLD = 24 * 3600.0
"""s since the last change."""
_OURS = re.compile(r"\.sonic-[0-9a-f]{12}\.tmp(\.signed)?(\.\w+)?")


class Hold:
    """Says to other processes that a temporary file or folder is in work, until `close` or the end of the process."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def hold(path: Path) -> Hold:
    """Lock a file or folder where the system has such locks (flock); a disk without them holds nothing."""
    if fcntl is None:
        return Hold(None)
    handle = os.open(path, os.O_RDONLY)
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return Hold(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove our temporary files in `folder` that are OLD and held by nobody; what cannot be removed stays."""
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > OLD and not _is_held(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_held(path: Path) -> bool:
    if fcntl is None:
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
