"""Where weights live: the models folders, and which of an engine's files are in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import ModelMissingError
from .fingerprint import WEIGHTS
from .manifest import ModelFile

FOLDER_VARIABLE = "SONIC_PORTRAIT_MODELS"


def models_folders() -> tuple[Path, ...]:
    """Folders searched when none is named: $SONIC_PORTRAIT_MODELS (several, as in PATH), ./models and ~/.sonic-portrait/models."""
    named = os.environ.get(FOLDER_VARIABLE, "")
    folders = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    return (*folders, Path("models"), Path.home() / ".sonic-portrait" / "models")


def locate(
    files: Iterable[ModelFile], folders: Sequence[Path], chosen: Mapping[str, Path] | None = None
) -> tuple[dict[str, Path], list[ModelFile]]:
    """Paths of the files that exist, by key, and the needed ones that do not.  chosen: paths named by the user, which go first."""
    found, missing = {}, []
    for file in files:
        path = (chosen or {}).get(file.key) or find(file, folders)
        if path is not None and path.exists():
            found[file.key] = path
        elif not file.optional or (chosen or {}).get(file.key):
            missing.append(file)
    return found, missing


def find(file: ModelFile, folders: Sequence[Path], shared: Sequence[Path] = ()) -> Path | None:
    """Where one file lies: at its own places in the models folders, or in a folder that networks of its use share.

    shared: such folders, beside those of the models folders.
    """
    own = (folder / place for folder in folders for place in file.places)
    return next((path for path in own if path.exists()), None) or find_shared(file, folders, shared)


def find_shared(file: ModelFile, folders: Sequence[Path], shared: Sequence[Path] = ()) -> Path | None:
    """What `find` looks for last; safetensors before pickles."""
    if file.shared is None:
        return None
    safe_first = sorted(shared_files(file, folders, shared), key=lambda path: path.suffix != ".safetensors")
    return next(filter(file.shared.holds, safe_first), None)


def shared_files(file: ModelFile, folders: Sequence[Path], shared: Sequence[Path] = ()) -> list[Path]:
    """All weights in the folders that `file` may share with other networks, by name."""
    if file.shared is None:
        return []
    places = dict.fromkeys((*(folder / file.shared.name for folder in folders), *shared))
    return [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if path.suffix in WEIGHTS]


def report_problems(
    engine: str,
    missing: Sequence[ModelFile],
    faults: Sequence[str],
    folders: Sequence[Path],
    chosen: Mapping[str, Path] | None = None,
) -> ModelMissingError:
    """One error that lists every missing and every unusable file with size, licence, source and destination.

    chosen: paths named by the user, as in `locate`; those of missing files are told.
    """
    lines = [f"The {engine} engine cannot be loaded: {len(missing)} file(s) missing, {len(faults)} unusable."]
    named = [f"{path} ({file.key})" for file in missing if (path := (chosen or {}).get(file.key))]
    if named:
        lines += ["Chosen, but not there:", *(f"  {path}" for path in named)]
    if missing:
        lines += [f"Missing, to be put under {folders[0]}:", *(f"  {file.described()}" for file in missing)]
    if faults:
        lines += ["Unusable:", *(f"  {fault}" for fault in faults)]
    lines.append(f"Searched: {', '.join(map(str, folders))}. Set {FOLDER_VARIABLE} to use another folder.")
    return ModelMissingError("\n".join(lines))
