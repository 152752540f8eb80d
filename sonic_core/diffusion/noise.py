"""The noise that sampling begins with: a seed gives the same on every machine and with every runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIDE = 8  # PyTorch turns pairs of uniform numbers, eight apart, into pairs of normal ones
_BLOCK = 2 * _SIDE
_AT_ONCE = 2**20  # numbers: of a long clip no more are on their way


def normal_noise(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Standard normal numbers: those of `torch.randn` on the CPU with a generator of this seed, to about 1e-6; of 64 bits 32 count.

    shape: of at least 16 numbers, under which PyTorch draws in another way.
    """
    count = int(np.prod(shape))
    if count < _BLOCK:
        raise ValueError(f"normal_noise was asked for {count} numbers; expected {_BLOCK} or more.")
    whole = count - count % _BLOCK
    random = np.random.RandomState(seed & 0xFFFFFFFF)
    noise = np.empty(count, np.float32)
    for first in range(0, whole, _AT_ONCE):
        part = noise[first : min(whole, first + _AT_ONCE)]
        part[:] = _normal(_uniform(random, len(part)))
    if whole < count:  # the last block is drawn again, whole
        _uniform(random, count - whole)
        noise[-_BLOCK:] = _normal(_uniform(random, _BLOCK))
    return noise.reshape(shape)


def _uniform(random: np.random.RandomState, count: int) -> NDArray[np.float32]:
    return (random.randint(0, 2**32, count, np.uint32) & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def _normal(uniform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Box and Muller 1958, in blocks of two sides."""
    first, second = np.moveaxis(uniform.reshape(-1, 2, _SIDE), 1, 0)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), np.float32(2 * np.pi) * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
