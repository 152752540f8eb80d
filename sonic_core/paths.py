"""Paths that no file can have, told before the system is asked for them."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import SettingsError

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes, on the file systems of Linux and macOS; Windows takes less."""


def checked_path(path: Path, what: str) -> Path:
    """The path itself.  what: whose value it is, for messages.

    Raises SettingsError for a path with a zero byte, with characters that cannot be written, or longer than systems allow.
    """
    try:
        whole = os.fsencode(path)
        longest = max((os.fsencode(part) for part in path.parts), key=len, default=b"")
    except UnicodeEncodeError:
        raise SettingsError(f"{what} holds characters that no file name can have. Give it again.") from None
    if b"\0" in whole:
        raise SettingsError(f"{what} holds a zero byte, which no file name can have. Give it again.")
    if len(longest) > LONGEST_NAME:
        start = longest[:40].decode("utf-8", "replace")
        raise SettingsError(f"{what}: the name {start}... has {len(longest)} bytes; expected {LONGEST_NAME} at most.")
    if len(whole) > LONGEST_PATH:
        raise SettingsError(f"{what} is a path of {len(whole)} bytes; expected {LONGEST_PATH} at most.")
    return path
