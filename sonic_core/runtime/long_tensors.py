"""Tensors as long as a clip: in memory while they are small, in a temporary file that the system pages in and out beyond that."""

from __future__ import annotations

import logging
import math
import os
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

log = logging.getLogger(__name__)

IN_MEMORY = 256 * 2**20  # bytes: what a tensor may take before it goes to a file
ZEROS = bytes(2**20)


def long_tensor(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """Zeros of any length on the CPU.  Where the disk has no room for them they are in memory after all."""
    size = math.prod(shape)
    if size * dtype.itemsize <= IN_MEMORY:
        return torch.zeros(*shape, dtype=dtype)
    try:
        path = _file_of_zeros(size * dtype.itemsize)
    except OSError as error:
        log.info("A tensor of %d MB stays in memory: %s", size * dtype.itemsize // 10**6, error)
        return torch.zeros(*shape, dtype=dtype)
    flat = torch.from_file(path, shared=True, size=size, dtype=dtype)
    if os.name == "posix":
        os.unlink(path)  # its bytes live as long as the tensor
    else:
        weakref.finalize(flat.untyped_storage(), _remove, path)
    return flat.view(*shape)


def _file_of_zeros(size: int) -> str:
    """A file whose bytes are written, not only promised: a mapped file without room on the disk would kill the process."""
    descriptor, path = tempfile.mkstemp(prefix="sonic-portrait-", suffix=".tensor")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for start in range(0, size, len(ZEROS)):
                file.write(ZEROS[: size - start])
    except BaseException:
        _remove(path)
        raise
    return path


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
