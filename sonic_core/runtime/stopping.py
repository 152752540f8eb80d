"""Stopping in the middle of a network: somebody looks up before every layer, and the GPU is never far behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

AHEAD = 2
"""Blocks that a GPU may still have to do while the next ones are queued: it never waits for work, and soon ends when no more comes."""


class StoppedError(Exception):
    """Work in a thread that was stopped because of what happened elsewhere; nobody is told of it."""


class StopSign:
    """Says to threads at work that nobody wants the result any more."""

    def __init__(self) -> None:
        self._shown = threading.Event()

    def show(self) -> None:
        self._shown.set()

    def look(self) -> None:
        """To be called by the threads.  Raises StoppedError once the sign is shown."""
        if self._shown.is_set():
            raise StoppedError


class Pace:
    """Keeps a queue of work on a GPU short.  event: makes an event that is recorded now; `synchronize` waits for it."""

    def __init__(self, event: Callable[[], Any], ahead: int = AHEAD) -> None:
        self.event, self.ahead = event, ahead
        self.queued: deque[Any] = deque()

    def __call__(self) -> None:
        """To be called between pieces of work."""
        self.queued.append(self.event())
        if len(self.queued) > self.ahead:
            self.queued.popleft().synchronize()


@contextmanager
def stoppable(network: nn.Module, look: Callable[[], None] | None, blocks: Sequence[nn.Module] = ()) -> Iterator[None]:
    """Inside, `look` is called again and again while the network runs, and what it raises stops the pass.

    On a CPU before every layer, which takes a second or two at most.  On a GPU before each of `blocks`, and not before the one that was
    queued `AHEAD` earlier is done.  look: None = nobody looks.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if look is None:
        yield
        return
    places = (
        list(blocks) if device.type != "cpu" and blocks else [part for part in network.modules() if _is_layer(part)]
    )
    pace = Pace(lambda: _recorded(device)) if device.type in ("cuda", "xpu") else None

    def before(module: nn.Module, inputs: object) -> None:
        if pace is not None:
            pace()
        look()

    hooks = [place.register_forward_pre_hook(before) for place in places]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _is_layer(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _recorded(device: torch.device) -> Any:
    backend = getattr(torch, device.type)
    event = backend.Event()
    event.record(backend.current_stream(device))
    return event
