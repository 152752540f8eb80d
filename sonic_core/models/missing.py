"""What of an engine's files is not there yet, and where each would go; told without the hub's client, which takes a second to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .checking import fault_in, is_usable
from .locate import locate
from .manifest import ModelFile, RemoteFile


@dataclass(frozen=True)
class Download:
    """One file to fetch: which part of an engine it belongs to, what it is at the source, and where it goes."""

    file: ModelFile
    remote: RemoteFile
    target: Path


def missing_downloads(
    files: Sequence[ModelFile],
    folders: Sequence[Path],
    place: Callable[[str], Path],
    chosen: Mapping[str, Path] | None = None,
) -> list[Download]:
    """What is in none of the models folders yet, or does not open there.

    place: where a destination such as `sonic/unet.pth` lies.  chosen: paths that are known already, by key.
    """
    found, _ = locate(files, folders, chosen)
    return [
        Download(file, remote, place(target))
        for file in files
        if found.get(file.key, place(file.destination)) == place(file.destination) or fault_in(file, found[file.key])
        for remote, target in file.targets.items()
        if not is_usable(place(target), remote)
    ]
