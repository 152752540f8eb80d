"""What a terminal may do to a program: readers that leave, disks that are full, streams that are closed, text that would steer it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class UnbreakableStream:
    """A text stream whose failure costs its text and nothing else: what is written after the first failure is dropped."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream: Any = stream
        self.broken = stream is None

    def write(self, text: str) -> int:
        if not self.broken:
            try:
                self.stream.write(text)
            except (OSError, ValueError):  # ValueError: closed
                self._give_up()
        return len(text)

    def flush(self) -> None:
        if not self.broken:
            try:
                self.stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return not self.broken and self.stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _give_up(self) -> None:
        self.broken = True
        # What Python itself still flushes on its way out goes nowhere; otherwise it would end with exit code 120.
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


@contextmanager
def unbreakable_streams() -> Iterator[None]:
    """stdout and stderr that cannot end the work."""
    before = sys.stdout, sys.stderr
    for stream in before:
        # A console that lacks a character of a path must not end the work.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = UnbreakableStream(sys.stdout), UnbreakableStream(sys.stderr)
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        sys.stdout, sys.stderr = before


def harmless(text: str, lines: bool = False) -> str:
    """Text of a file as it may be shown: control and direction signs, which could move a cursor or fake a line, are spelled out.

    lines: let line ends pass.
    """
    return "".join(sign if _is_shown(sign) or (lines and sign == "\n") else _spelled(sign) for sign in text)


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and sign not in DIRECTIONS and sign not in "\u2028\u2029"


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
