"""What has been downloaded, written down in the models folder: where each file comes from, its commit and checksum."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from ..errors import OutputError
from .alone import alone_with
from .download import Fetched

RECORD = "downloads.json"


def write_record(folder: Path, fetched: dict[str, Fetched]) -> Path:
    """Add what was fetched, by place under the models folder, to the record there; a record that cannot be read is begun anew."""
    path = folder / RECORD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = folder / f".{RECORD}.lock"
        with alone_with(lock):
            try:
                return _write_record(path, fetched)
            finally:
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); free space there or choose another folder.") from error


def _write_record(path: Path, fetched: dict[str, Fetched]) -> Path:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        entries = {}
    if not isinstance(entries, dict):
        entries = {}
    entries.update({place: asdict(item) for place, item in fetched.items()})
    pending = path.with_name(f".{path.name}.part")
    pending.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    os.replace(pending, path)
    return path
