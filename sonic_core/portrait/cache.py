"""What was measured on a picture, kept on disk: one small file per picture and face, safe under concurrent use."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import struct
import sys
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# What NumPy, zipfile, zlib and ast raise for damaged files: found by changing bytes of real ones.
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
VARIABLE = "SONIC_PORTRAIT_CACHE"
MAX_BYTES = 64 * 2**20
SUFFIX = ".npz"
LONGEST_WAIT = 120.0
"""Seconds for which another process that measures the same picture is waited for."""


def default_cache_dir() -> Path:
    """`SONIC_PORTRAIT_CACHE`, or the platform's folder for things that may be deleted.  Nothing is created."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sonic-portrait" / "portraits"


def content_digest(image: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> str:
    """sha256 of the picture's size and pixels, as hexadecimal."""
    digest = hashlib.sha256(repr((image.shape, alpha is not None)).encode())
    digest.update(np.ascontiguousarray(image).data)
    if alpha is not None:
        digest.update(np.ascontiguousarray(alpha).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class ArrayCache:
    """Named arrays by key in `folder`.  A cache never fails: what cannot be read is measured again, what cannot be
    written is not kept."""

    folder: Path
    max_bytes: int = MAX_BYTES

    def read(self, key: str) -> dict[str, NDArray] | None:
        """The arrays under `key`, or None when there are none or the file is damaged."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            log.info("the damaged cache file %s is made anew: %s", path, error)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the least recently used are deleted first
        return arrays

    def write(self, key: str, arrays: Mapping[str, NDArray]) -> None:
        """Keep `arrays` under `key`: written beside its place and renamed, so that a reader sees all of it or nothing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy 2 has an option beside the arrays, 1.26 has none
                os.replace(temporary, self._path(key))
            except BaseException:
                os.unlink(temporary)
                raise
            self._prune()
        except OSError as error:
            log.warning("cannot write to the portrait cache %s: %s", self.folder, error)

    @contextlib.contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Measure what stands under `key` while nobody else does: the next one, also in another process, then finds it written.

        The lock is an empty SQLite file (one of sixteen), which every system frees when its holder ends, however it ends.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = sqlite3.connect(self.folder / f"{key[:1]}.lock", timeout=LONGEST_WAIT, isolation_level=None)
        except (OSError, sqlite3.Error):  # a folder that cannot be written keeps nothing for others either
            yield
            return
        try:
            with contextlib.suppress(sqlite3.Error):
                lock.execute("begin exclusive")
            yield
        finally:
            lock.close()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _prune(self) -> None:
        """Delete the files used longest ago until the folder is within its size."""
        entries = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                status = path.stat()
                entries.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in entries) - self.max_bytes
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
