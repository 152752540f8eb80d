"""Files that get their names when they are complete, by one rename."""

from __future__ import annotations

import errno
import secrets
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)


def put_in_place(complete: Path, target: Path) -> None:
    """Rename a file, or a folder of pictures, over what stands there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_dir():
        complete.replace(target)
        return
    old = complete.with_name(f".{secrets.token_hex(6)}.old")
    target.rename(old)
    complete.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, says that the disk is full."""
    causes: list[BaseException | None] = [error, error.__cause__]
    return any(isinstance(cause, OSError) and cause.errno in FULL for cause in causes)
