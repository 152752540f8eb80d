"""A cheap identity of weights on disk: tells one checkpoint from another in milliseconds, whatever its size."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 2**20
WEIGHTS = (".safetensors", ".pth", ".pt", ".pkl", ".bin")


def fingerprint(path: Path) -> str:
    """16 hex digits of a weights file or a folder of them: sizes, names in a folder, first and last MiB.

    The first MiB holds the header of a safetensors file (names and shapes), the last one the directory of a PyTorch file with a
    checksum of every tensor.  A file that is moved or renamed keeps its fingerprint.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (*WEIGHTS, ".json"))
    for file in files:
        size = file.stat().st_size
        name = "" if file == path else file.relative_to(path).as_posix()
        digest.update(f"{name} {size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(BLOCK))
            stream.seek(max(BLOCK, size - BLOCK))
            digest.update(stream.read(BLOCK))
    return digest.hexdigest()[:16]
