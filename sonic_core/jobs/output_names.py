"""Names of finished files in the output folder: of a known kind, inside it, possible on every disk, and nobody else's."""

from __future__ import annotations

import os
import re
import sys
import unicodedata

from ..errors import OutputError
from .ledger import Ledger

VIDEOS = (".mp4", ".webm", ".mov", ".gif", ".png")
FORBIDDEN = '<>:"|?*\\'  # what Windows and shared folders cannot hold, and the backslash
LONGEST = 250  # bytes of a name
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Windows writes what is called so to a device."""


class OutputNames:
    """Checks names for the folder of a ledger.  overwrite: files that no batch has made may be replaced.  kinds: suffixes."""

    def __init__(self, ledger: Ledger, overwrite: bool, kinds: tuple[str, ...] = VIDEOS) -> None:
        self.ledger, self.overwrite, self.kinds = ledger, overwrite, kinds
        self.inside: dict[str, bool] = {}  # folders in the output folder: whether links lead out of it

    def checked(self, text: str) -> tuple[str, str]:
        """A name in the output folder, and its suffix in small letters.  Raises OutputError."""
        text = text.replace("\\", "/") if sys.platform == "win32" else text
        parts = [part for part in text.split("/") if part not in ("", ".")]
        if text.startswith("/") or ".." in parts or (len(text) > 1 and text[1] == ":"):
            raise OutputError(f"the output {text} lies outside the output folder. Give a name, or a path inside it.")
        inside = "/".join(parts)
        kind = os.path.splitext(inside)[1].lower()
        if kind not in self.kinds:
            raise OutputError(
                f"the output {text} is of no known kind; expected a name that ends in {', '.join(self.kinds)}."
            )
        if not inside.isprintable() or any(sign in inside for sign in FORBIDDEN):
            raise OutputError(f"the output {text!r} has signs that file names cannot have: {FORBIDDEN}")
        if parts[0].startswith(".sonic-batch") or any(len(part.encode()) > LONGEST for part in parts):
            raise OutputError(f"the output {text} cannot be used as a name. Choose a shorter or another one.")
        if any(RESERVED.fullmatch(part) or part.endswith((" ", ".")) for part in parts):
            raise OutputError(
                f"the output {text} cannot be used as a name on Windows: con, nul, com1 and their like are devices, and no name ends "
                "with a space or a dot. Choose another one."
            )
        if not self._stays_inside("/".join(parts[:-1])):
            raise OutputError(f"the output {text} leads out of the output folder by a link. Give another name.")
        return inside, kind

    def is_a_strangers(self, output: str) -> bool:
        """Whether a file of that name is there, no batch has made it, and it may not be replaced."""
        return (
            not self.overwrite
            and os.path.exists(os.path.join(self.ledger.folder, output))
            and not self.ledger.knows(output)
        )

    def _stays_inside(self, parent: str) -> bool:
        if parent not in self.inside:
            self.inside[parent] = (self.ledger.folder / parent).resolve().is_relative_to(self.ledger.folder.resolve())
        return self.inside[parent]


def folded(name: str) -> str:
    """One spelling for all that are the same file on disks that do not tell case."""
    return unicodedata.normalize("NFC", name).casefold()


def stem(name: str) -> str:
    """The last part of a path, without its suffix."""
    return os.path.splitext(os.path.basename(name))[0]
