"""PendingFile: a result grows under a temporary name beside its target and takes its name only when it is complete."""

from __future__ import annotations

import errno
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from ..errors import OutputError
from .abandoned import hold, remove_abandoned

logger = logging.getLogger(__name__)

REASONS = {
    errno.ENOSPC: "the disk is full. Free some space or choose another folder.",
    errno.EDQUOT: "the disk quota is used up. Free some space or choose another folder.",
    errno.EFBIG: "the file grew larger than this disk or user may hold. Choose another folder or a shorter clip.",
    errno.EACCES: "this user may not write there. Choose another folder.",
    errno.EPERM: "this user may not write there. Choose another folder.",
    errno.EROFS: "the disk is read-only. Choose another folder.",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one.",
    errno.EEXIST: "a part of the path is a file, not a folder.",
    errno.ENOTDIR: "a part of the path is a file, not a folder.",
    errno.ENOENT: "the folder does not exist or takes no files. Choose another folder.",
}


@contextmanager
def plain_output_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that says in plain words why `path` cannot be written."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror or error}.")
        raise OutputError(f"Cannot write {path}: {reason}") from error


class PendingFile:
    """Write to `temporary`, then `publish()`; `discard()` removes what is left and may always be called.

    Made for `path`, whose folder is created when missing.  OutputError when it can be known beforehand that `path` cannot be written.
    """

    def __init__(self, path: Path, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        # A short name of its own: a long target name plus a suffix could exceed what the disk allows.
        # Absolute: FFmpeg takes what stands before a colon in a relative path for a protocol.
        self.temporary = path.parent.absolute() / f".sonic-{secrets.token_hex(6)}.tmp{path.suffix}"
        with plain_output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise OutputError(f"Cannot write {path}: it is a folder. Give a file name in it.")
            # Only asked, never created: another process may be giving its result this name at this moment.
            with suppress(FileNotFoundError):
                path.lstat()
            remove_abandoned(path.parent)
            self.temporary.touch(exist_ok=False)
            self._holds = hold(self.temporary)

    def publish(self) -> Path:
        """Give the finished file its name, in one step; returns it: `name_1`, `name_2`, ... where the name is taken."""
        with plain_output_errors(self.path):
            if self.overwrite:
                try:
                    return self.temporary.replace(self.path)
                except PermissionError:
                    # Windows: a player has the old file open. Hours of work must not be lost for that.
                    logger.warning("%s is in use and was kept; the new file gets a numbered name.", self.path)
            for name in _names(self.path):
                if _given(self.temporary, name):
                    return name
        raise AssertionError("names never end")

    def discard(self) -> None:
        self._holds.close()
        self.temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """OutputError if no file can be written to `path`: asked before long work, not after it.  Makes missing folders."""
    PendingFile(path).discard()


def beside(path: Path, ending: str) -> Path:
    """`NAME_ending` in the folder of the file or folder `path`, which may be "."."""
    if path.name in ("", ".."):
        path = Path(os.path.abspath(path))
    return path.with_name(f"{path.name if path.is_dir() else path.stem}_{ending}")


def write_complete(path: Path, content: bytes | Iterable[bytes], overwrite: bool = False) -> Path:
    """Write a whole file under `path`, or under a numbered name where it is taken and not to be overwritten; returns its path.

    content: all of it, or piece by piece.
    """
    pending = PendingFile(path, overwrite)
    try:
        with plain_output_errors(path), pending.temporary.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        return pending.publish()
    finally:
        pending.discard()


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in count(1):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def _given(temporary: Path, name: Path) -> bool:
    """Give the file a name that is free; False when it is taken already, also by a second writer at this moment."""
    try:
        os.link(temporary, name)
    except FileExistsError:
        return False
    except OSError:
        # A disk without second names: an empty file holds the name until the result replaces it.
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            return False
        temporary.replace(name)
        return True
    temporary.unlink()
    return True
