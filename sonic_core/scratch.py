"""Long arrays that do not stay in memory: few rows are collected there, many in a temporary file that has no name."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError

IN_MEMORY = 16 * 2**20
"""Bytes that stay in memory: of what is known of a recording, half an hour."""
_ZEROS = bytes(2**20)
_ours: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
"""Maps of files that were made here.  In a caller's own map changes may stand in memory alone (numpy's mode `c`): letting go loses them."""


class RowStore:
    """Blocks `[n, columns]` of float32 in, one array `[rows, columns]` out; one of more than `in_memory` bytes is mapped from a file."""

    def __init__(self, columns: int, in_memory: int = IN_MEMORY) -> None:
        self.columns, self.in_memory = columns, in_memory
        self.length = 0
        self._blocks: list[NDArray[np.float32]] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def append(self, block: NDArray[np.float32]) -> None:
        """Raises OutputError where the disk for temporary files is full."""
        self.length += len(block)
        self._blocks.append(block)
        self._held += block.nbytes
        if self._held <= self.in_memory:
            return
        with _room_on_disk():
            self._file = self._file or tempfile.TemporaryFile(prefix="sonic-")  # noqa: SIM115
            for held in self._blocks:
                self._file.write(np.ascontiguousarray(held, np.float32).data)
        self._blocks.clear()

    def whole(self) -> NDArray[np.float32]:
        """All rows; may be called once."""
        if self._file is None:
            return self._joined()
        with _room_on_disk():
            self._file.flush()
        return _mapped(self._file, (self.length, self.columns))

    def _joined(self) -> NDArray[np.float32]:
        """The blocks laid end to end; the list is emptied on the way, so that nothing is held twice."""
        rows = np.empty((self.length, self.columns), np.float32)
        position = 0
        self._blocks.reverse()
        while self._blocks:
            block = self._blocks.pop()
            rows[position : position + len(block)] = block
            position += len(block)
        return rows


class Scratch:
    """Arrays that one piece of work needs beside each other, and lets go of together."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self.in_memory = in_memory
        self._mapped: list[NDArray[np.float32]] = []

    def zeros(self, shape: Sequence[int]) -> NDArray[np.float32]:
        """Of more than `in_memory` bytes mapped from a file.  Raises OutputError where the disk for temporary files is full."""
        size = 4 * int(np.prod(shape))
        if size <= self.in_memory:
            return np.zeros(tuple(shape), np.float32)
        with _room_on_disk(), tempfile.TemporaryFile(prefix="sonic-") as file:
            for first in range(
                0, size, len(_ZEROS)
            ):  # written, not only promised: a map without room on the disk kills the process
                file.write(_ZEROS[: size - first])
            file.flush()
            self._mapped.append(_mapped(file, shape))
        return self._mapped[-1]

    def forget(self) -> None:
        """See `forget`."""
        for array in self._mapped:
            forget(array)


def forget(array: NDArray[Any]) -> None:
    """Let go of the memory that a mapped array has come to take; it is read from its file again when it is wanted.

    Arrays that were not made here, and all where the system has no such call, stay as they are.  The system would take the pages back by
    itself when it needs them; until then they count as this program's.
    """
    base = _map_under(array)
    if base in _ours and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _mapped(file: IO[bytes], shape: Sequence[int]) -> NDArray[np.float32]:
    array = np.asarray(np.memmap(file, np.float32, "r+", shape=tuple(shape)))
    _ours.add(_map_under(array))
    return array


def _map_under(array: NDArray[Any]) -> Any:
    """What holds the numbers of a view, or of a view of that; None = the array itself."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Temporary files cannot be written to {tempfile.gettempdir()} ({error}). Free space there, or name another folder by TMPDIR."
        ) from error
