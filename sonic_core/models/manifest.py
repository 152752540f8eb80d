"""What is told of weights: of each file what it is, how large, under which licence, where it comes from and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its path there, its size in bytes and its sha256, which a download must have."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """Files of one repository on the Hugging Face hub.

    revision: the commit that is downloaded; None = what `main` is on the day, which the files' sha256 pin as firmly.
    """

    repository: str
    files: tuple[RemoteFile, ...]
    revision: str | None = None

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}"

    @property
    def path(self) -> str:
        return ", ".join(file.path for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class SharedFolder:
    """A folder under a models folder where several programs keep networks of one use: there the content counts, not the name.

    holds: whether a file of weights is the network that is meant.
    """

    name: str
    holds: Callable[[Path], bool]


@dataclass(frozen=True)
class ModelFile:
    """One file that an engine can load.

    key: short name.  purpose: for messages.  destination: path under a models folder where a download goes.  places: where it is looked
    for, in this order.  licence: of the weights, not of this program.  optional: the engine works without it.  shared: where it is looked
    for last.
    """

    key: str
    purpose: str
    destination: str
    places: tuple[str, ...]
    licence: str
    source: Source
    optional: bool = False
    shared: SharedFolder | None = None

    @property
    def size(self) -> str:
        gigabytes = self.source.size / 1e9
        return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{gigabytes:.2f} GB"

    @property
    def targets(self) -> dict[RemoteFile, str]:
        """Where each file of the source goes under a models folder."""
        if len(self.source.files) == 1:
            return {self.source.files[0]: self.destination}
        return {file: f"{self.destination}/{file.path}" for file in self.source.files}

    def described(self) -> str:
        return f"{self.destination} - {self.purpose}; {self.size}; {self.licence}; from {self.source.page} ({self.source.path})"
