"""How long work reports and how it is cancelled: one callback, called often, that may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Preview = Callable[[], NDArray[np.uint8]]


class Progress(Protocol):
    """Called after every step, decoded chunk and encoded frame.

    stage: what is being done, in one word ("audio", "portrait", "sampling", "rendering", "encoding").
    done, total: units of that stage.  preview: makes an RGB uint8 picture of the state, only when it is wanted.
    Whatever it raises stops the work: files are cleaned up and the exception reaches the caller unchanged.
    """

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None: ...


def ignore(stage: str, done: int, total: int, preview: Preview | None = None) -> None:
    """Report to nobody."""
