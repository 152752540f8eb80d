"""Weights that are there, looked into: whether a file opens, whether it has its published size, and on request its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelMissingError
from ..progress import Progress, ignore
from .fingerprint import WEIGHTS
from .manifest import ModelFile, RemoteFile
from .weights import read_shapes, read_sidecar

AS_PUBLISHED, OTHER_SIZE, OTHER_BYTES = "as published", "not the published size", "DAMAGED, not the published bytes"
SAME_SIZE = "published size"
_BLOCK = 2**20


@dataclass(frozen=True)
class Checked:
    """A file on disk beside the published one.  verdict: one of the words above."""

    path: Path
    size: int
    verdict: str

    @property
    def damaged(self) -> bool:
        return self.verdict == OTHER_BYTES


def fault_of(path: Path, whole: Collection[Path] = ()) -> str | None:
    """Why weights cannot be used, None = they open.  Headers are read and no numbers.

    path: a file, or a folder in the manner of diffusers and transformers, of which every part must open.  whole: files that need no look.
    """
    try:
        files = sorted(part for part in path.rglob("*") if part.suffix in WEIGHTS) if path.is_dir() else [path]
        if not files:
            raise ModelMissingError(f"{path} holds no weights; put them there, or remove the folder.")
        for folder in {file.parent for file in files} if path.is_dir() else ():
            if folder / "config.json" not in whole:
                read_sidecar(folder)
        for file in set(files) - set(whole):
            if not read_shapes(file):
                raise ModelMissingError(f"{file} holds no tensors; download it again.")
    except ModelMissingError as error:
        return str(error)
    return None


def fault_in(file: ModelFile, path: Path) -> str | None:
    """`fault_of` for what lies at `path` in the place of `file`; a file of its published size is taken for whole."""
    whole = [checked.path for checked in against_published(file, path, with_hash=False) if checked.verdict == SAME_SIZE]
    return fault_of(path, whole)


def is_usable(target: Path, remote: RemoteFile) -> bool:
    """Whether a file is the published one by its size, or the user's own that opens."""
    if not target.exists():
        return False
    if target.is_dir() or target.stat().st_size == remote.size:
        return True
    return target.suffix not in WEIGHTS or fault_of(target) is None


def against_published(file: ModelFile, path: Path, with_hash: bool, progress: Progress = ignore) -> list[Checked]:
    """What lies at `path` beside what the manifest publishes.  with_hash: read every byte; otherwise sizes tell."""
    checked = []
    for remote, place in _pairs(file, path):
        size = place.stat().st_size
        if size != remote.size:
            verdict = OTHER_SIZE
        elif not with_hash:
            verdict = SAME_SIZE
        else:
            verdict = AS_PUBLISHED if sha256_of(place, progress) == remote.sha256 else OTHER_BYTES
        checked.append(Checked(place, size, verdict))
    return checked


def sha256_of(path: Path, progress: Progress = ignore) -> str:
    """`progress` counts megabytes."""
    digest, total = hashlib.sha256(), -(-path.stat().st_size // 10**6)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            progress("checking", min(total, file.tell() // 10**6), total)
    return digest.hexdigest()


def _pairs(file: ModelFile, path: Path) -> Iterator[tuple[RemoteFile, Path]]:
    """Published files and where they lie; a single file under another name stands beside the published one of its kind."""
    if path.is_dir():
        yield from ((remote, path / remote.path) for remote in file.source.files if (path / remote.path).is_file())
    elif len(file.source.files) == 1 and path.suffix == Path(file.source.files[0].path).suffix:
        yield file.source.files[0], path
