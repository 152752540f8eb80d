"""Pictures and recordings that rows name by a URL: `file://`, `s3://` and whatever else fsspec knows; brought here when they are used."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import SettingsError, SonicError

NAMES = ("picture", "recording")
"""Values of a job that may be URLs."""
KEPT = "sonic-portrait-files"
"""Folder of this user's, beside temporary files, where they are kept under the names of their content's address."""
MARKS = ("size", "ETag", "Content-MD5", "Digest", "Last-Modified")
"""What a file system may tell of a file that changes with it."""


def is_url(text: str) -> bool:
    return "://" in text


def version_of(url: str, error: type[SonicError]) -> str:
    """What changes when the file behind a URL does: a digest of its size, date and tag.  Raises `error` when it is not there."""
    filesystem, path = _opened(url)
    try:
        return _mark(filesystem, path, url)
    except (OSError, ValueError) as problem:
        raise error(
            f"{url} cannot be read ({problem or type(problem).__name__}). Check address and rights."
        ) from problem


def local(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values of a job with what URLs name as files of this machine.  Raises SettingsError, OSError."""
    return {
        name: str(fetched(value)) if name in NAMES and isinstance(value, str) and is_url(value) else value
        for name, value in values.items()
    }


def fetched(url: str) -> Path:
    """The file behind a URL, here: read again only when it has changed.  Raises OSError where it cannot be fetched."""
    filesystem, path = _opened(url)
    if "file" in filesystem.protocol:
        return Path(path)
    folder = Path(tempfile.gettempdir()) / (f"{KEPT}-{os.getuid()}" if hasattr(os, "getuid") else KEPT)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{_mark(filesystem, path, url)[:32]}{Path(path).suffix.lower()}"
    if not target.exists():
        handle, temporary = tempfile.mkstemp(dir=folder)
        os.close(handle)
        try:
            filesystem.get_file(path, temporary)
            os.replace(temporary, target)
        except Exception as problem:  # each file system has kinds of its own
            raise OSError(f"{url} cannot be fetched ({problem or type(problem).__name__})") from problem
        finally:
            with suppress(OSError):
                os.unlink(temporary)
    return target


def _mark(filesystem: Any, path: str, url: str) -> str:
    """Digest of what is told of a file; `ukey` alone does not ask a web server, not even whether the file is there."""
    told = filesystem.info(path)
    return hashlib.sha256(f"{url} {filesystem.ukey(path)} {[told.get(name) for name in MARKS]}".encode()).hexdigest()


def _opened(url: str) -> tuple[Any, str]:
    """Its fsspec file system and its path there.  Raises SettingsError for a kind that is unknown or not installed."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as problem:
        raise SettingsError(f"{url} is of a kind that cannot be opened here: {problem}") from problem
