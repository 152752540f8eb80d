"""Threads for the engine at work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from ..sonic_core.engines.base import Engine
from ..sonic_core.threads import one_thread


def threads_for(model: Engine) -> AbstractContextManager[None]:
    """One thread for engines of small networks, as many as there are for the others."""
    return one_thread() if model.cheap_trial else nullcontext()
