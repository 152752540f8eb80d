"""What a node tells, in the words of the editor: its language, its names of settings, and no path of a class."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from ..sonic_core.errors import SettingsError, SonicError
from ..sonic_core.words.catalogue import translated
from . import host
from .convert import is_number
from .labels import labelled

Execute = TypeVar("Execute", bound=Callable[..., Any])


def told(text: str, node: str = "") -> str:
    """The text in the editor's language; settings and options of the command line under the names that their widgets show.

    node: id of the one that speaks.
    """
    language = host.language()
    words = translated(text, language)
    words = re.sub(r"(\w+) \(--[a-z][a-z-]*\)", r"\1", words)
    # What stands between backticks is typed in a terminal.
    words = re.sub(r"(`[^`]*`)|--([a-z][a-z-]*)", lambda said: said[1] or said[2].replace("-", "_"), words)
    return labelled(words, language, node)


def told_errors(execute: Execute) -> Execute:
    """An `execute` whose errors the editor shows as one sentence of ours."""

    @wraps(execute)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            check_numbers(args[0], kwargs)
            return execute(*args, **kwargs)
        except SonicError as error:
            raise _plain(type(error))(told(str(error), node_id_of(args[0]))) from error

    return telling  # type: ignore[return-value]  # the same signature


def node_id_of(node: Any) -> str:
    return str(node.define_schema().node_id)


def check_numbers(node: Any, values: Mapping[str, Any]) -> None:
    """SettingsError where a wire brings something else to a number's widget: ComfyUI checks only what is typed there."""
    if not values:
        return
    schema = node.define_schema()
    for item in schema.inputs:
        if isinstance(item, (host.io.Float.Input, host.io.Int.Input)) and item.id in values:
            for value in values[item.id] if schema.is_input_list else [values[item.id]]:
                if not is_number(value) and not (value is None and item.optional):
                    shown = repr(value) if isinstance(value, (str, type(None))) else type(value).__name__
                    raise SettingsError(f"{item.id} is {shown}; expected a number.")


def _plain(kind: type[SonicError]) -> type[SonicError]:
    """The same kind of error under its bare name: ComfyUI writes the module of a class before it, unless it is a builtin."""
    return type(kind.__name__, (kind,), {"__module__": "builtins"})
