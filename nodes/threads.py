"""Threads and device memory for the engine at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..sonic_core.engines.base import Engine
from ..sonic_core.threads import one_thread
from . import host


def threads_for(model: Engine) -> AbstractContextManager[None]:
    """One thread for engines of small networks; all threads and the device for the others, which leave it empty behind them."""
    return one_thread() if model.declaration.cheap_trial else _with_the_device(model)


@contextmanager
def _with_the_device(model: Engine) -> Iterator[None]:
    host.make_room()
    try:
        yield
    finally:
        model.rest()
