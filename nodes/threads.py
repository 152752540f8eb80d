"""Threads and device memory for the engine at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..sonic_core.engines.base import Engine
from ..sonic_core.threads import one_thread
from . import host


def threads_for(model: Engine, width: int, height: int) -> AbstractContextManager[None]:
    """One thread for engines of small networks; all threads and the device for the others, which leave it empty behind them.

    width, height: of the frames, px.  ComfyUI's own models stay on a device that has room for both.
    """
    return (
        one_thread() if model.declaration.cheap_trial else _with_the_device(model, model.memory_wanted(width, height))
    )


@contextmanager
def _with_the_device(model: Engine, wanted: float) -> Iterator[None]:
    host.make_room(wanted)
    try:
        yield
    finally:
        model.rest()
