"""What a download will bring, told before it begins: files, sizes, sources, licences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .manifest import ModelFile
from .missing import Download


def described(downloads: Sequence[Download], into: Path) -> list[str]:
    """What will be fetched, from where and under which licences, a line each.  into: the models folder."""
    return [
        f"To be put under {into}:",
        *(f"  {file.described()}; {_pin(file)}" for file in files_of(downloads)),
        *_sum_and_licences(downloads),
    ]


def summed_up(downloads: Sequence[Download], into: Path) -> list[str]:
    """The same in lines short enough for a node: place, size and licence."""
    return [
        f"To be put under {into}:",
        *(f"  {file.destination}: {file.size}, {file.licence}" for file in files_of(downloads)),
        *_sum_and_licences(downloads),
    ]


def _sum_and_licences(downloads: Sequence[Download]) -> list[str]:
    licences = sorted({f"{file.licence}: {file.source.page}" for file in files_of(downloads)})
    return [
        f"Together {size_of(downloads) / 1e9:.2f} GB.",
        "Licences:",
        *(f"  {licence}" for licence in licences),
    ]


def _pin(file: ModelFile) -> str:
    return f"commit {file.source.revision}" if file.source.revision else "pinned by sha256"


def files_of(downloads: Sequence[Download]) -> list[ModelFile]:
    """The parts of an engine that the downloads belong to, each once."""
    return list({download.file.key: download.file for download in downloads}.values())


def size_of(downloads: Sequence[Download]) -> int:
    """Bytes of all of them together."""
    return sum(download.remote.size for download in downloads)


def place_in(into: Path, download: Download) -> str:
    """Its place under the models folder, for the record of downloads; the whole path of one that lies elsewhere."""
    inside = download.target.is_relative_to(into)
    return (download.target.relative_to(into) if inside else download.target).as_posix()
