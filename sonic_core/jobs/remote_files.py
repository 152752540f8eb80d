"""Pictures and recordings that rows name by a URL: `file://`, `s3://` and whatever else fsspec knows; brought here when they are used."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import SettingsError, SonicError

NAMES = ("picture", "recording")
"""Values of a job that may be URLs."""
KEPT = "sonic-portrait-files"
"""Folder for temporary files where they are kept, under the names of their content's address."""


def is_url(text: str) -> bool:
    return "://" in text


def version_of(url: str, error: type[SonicError]) -> str:
    """What changes when the file behind a URL does: a digest of its size, date and tag.  Raises `error` when it is not there."""
    filesystem, path = _opened(url)
    try:
        return hashlib.sha256(f"{url} {filesystem.ukey(path)}".encode()).hexdigest()
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
    """The file behind a URL, here: read again only when it has changed."""
    filesystem, path = _opened(url)
    if "file" in filesystem.protocol:
        return Path(path)
    name = hashlib.sha256(f"{url} {filesystem.ukey(path)}".encode()).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / KEPT
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{Path(path).suffix.lower()}"
    if not target.exists():
        handle, temporary = tempfile.mkstemp(dir=folder)
        os.close(handle)
        filesystem.get_file(path, temporary)
        os.replace(temporary, target)
    return target


def _opened(url: str) -> tuple[Any, str]:
    """Its fsspec file system and its path there.  Raises SettingsError for a kind that is unknown or not installed."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as problem:
        raise SettingsError(f"{url} is of a kind that cannot be opened here: {problem}") from problem
