"""What is known of pictures and recordings that have not changed since, noted in the store of the output folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .store import Store, patient


class KnownFiles:
    """store: of the output folder, open."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def of(self, path: Path) -> tuple[str, dict[str, Any]] | None:
        """Digest and facts of a file that has not changed since they were noted."""
        found = self.store.db.execute(
            "select size, mtime, digest, facts from files where path = ?", (str(path),)
        ).fetchone()
        if found is None:
            return None
        status = path.stat()
        return (found[2], json.loads(found[3])) if (status.st_size, status.st_mtime_ns) == tuple(found[:2]) else None

    @patient
    def note(self, path: Path, digest: str, facts: dict[str, Any]) -> None:
        status = path.stat()
        values = (str(path), status.st_size, status.st_mtime_ns, digest, json.dumps(facts))
        with self.store.writing():
            self.store.db.execute("insert or replace into files values (?,?,?,?,?)", values)
