"""PendingFolder: a folder of results that takes its name only when it is complete; the sibling of PendingFile."""

from __future__ import annotations

import secrets
import shutil
from itertools import count
from pathlib import Path

from .abandoned import hold, remove_abandoned
from .pending_file import plain_output_errors


class PendingFolder:
    """Write into `temporary`, then `publish()`; `discard()` removes what is left and may always be called.

    A folder that exists is never replaced: the result takes a numbered name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.parent.absolute() / f".sonic-{secrets.token_hex(6)}.tmp"
        with plain_output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(path.parent)
            self.temporary.mkdir()
            self._holds = hold(self.temporary)

    def publish(self) -> Path:
        """Give the folder its name: `name_1`, `name_2`, ... where it is taken; returns it."""
        with plain_output_errors(self.path):
            for number in count():
                name = self.path.with_name(f"{self.path.name}_{number}") if number else self.path
                try:
                    # Holds the name against a second writer; a folder can be renamed onto an empty one only on POSIX.
                    name.mkdir()
                except FileExistsError:
                    continue
                name.rmdir()
                return self.temporary.rename(name)
        raise AssertionError("names never end")

    def discard(self) -> None:
        self._holds.close()
        shutil.rmtree(self.temporary, ignore_errors=True)
