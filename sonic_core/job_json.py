"""Jobs as JSON: written whole, read with an error in words for every name, kind and value that does not fit.

An object bears the names of `Job`'s fields; what is left out keeps its default:

    {"picture": "me.jpg", "recording": "hello.m4a", "output": "hello.mp4", "settings": {"seed": 7}, "encoding": {"crf": 20}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import SettingsError
from .job import Job
from .settings import Settings

KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}


def job_to_json(job: Job) -> str:
    """The whole job, defaults included, as one line that `job_from_json` reads back."""
    return json.dumps(job_to_values(job), ensure_ascii=False)


def job_from_json(text: str) -> Job:
    """Raises SettingsError for what is no JSON and for everything that `job_from_values` refuses."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"The job is no JSON ({error}). Expected an object such as {_example()}.") from None
    return job_from_values(values)


def job_to_values(job: Job) -> dict[str, Any]:
    """The job as JSON values: objects, lists, texts, numbers; paths become texts."""
    return _plain(job)


def job_from_values(values: Any) -> Job:
    """The job of a JSON object.

    Raises SettingsError that names an unknown key and the nearest known one, a value of another kind, and whatever the parts of a job
    refuse (settings out of range, options that the engine does not have, ...).
    """
    return _read(Job, values, "job")


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.as_posix() if isinstance(value, Path) else value


def _read(kind: Any, value: Any, name: str) -> Any:
    """`value` as `kind` of a type hint; name: where it stands, for messages."""
    if get_origin(kind) in (Union, UnionType):
        (wanted,) = (part for part in get_args(kind) if part is not type(None))
        return None if value is None else _read(wanted, value, name)
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(parts):
            raise SettingsError(f"{name} is {value!r}; expected a list of {len(parts)} values.")
        return tuple(_read(part, item, name) for part, item in zip(parts, value, strict=True))
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_dataclass(kind, value, name)
    if kind in KINDS:
        return _read_plain(kind, value, name)
    content = _object(value, name)  # a mapping by name: of an engine's options or of tags
    of = get_args(kind)[1]
    return content if of is Any else {key: _read(of, item, f"{name}.{key}") for key, item in content.items()}


def _read_plain(kind: type, value: Any, name: str) -> Any:
    accepted: Any = {float: (int, float), Path: str}.get(kind, kind)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise SettingsError(f"{name} is {value!r}; expected {KINDS[kind]}.")
    return Path(value) if kind is Path else value


def _read_dataclass(kind: type, value: Any, name: str) -> Any:
    content = _object(value, name)
    hints = _hints(kind)
    for key in content:
        if key not in hints:
            near = get_close_matches(key, hints, 1)
            meant = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(hints)}."
            raise SettingsError(f"{key!r} is no name in {_described(kind, name)}.{meant}")
    if kind is Settings:  # its own check knows ranges and kinds
        return Settings(**content)
    missing = [
        item.name
        for item in fields(kind)
        if item.default is MISSING and item.default_factory is MISSING and item.name not in content
    ]
    if missing:
        raise SettingsError(f"{', '.join(missing)} is missing in {_described(kind, name)}.")
    inner = f"{name}." if kind is not Job else ""
    return kind(**{key: _read(hints[key], item, f"{inner}{key}") for key, item in content.items()})


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name} is {value!r}; expected an object of names and values.")
    return dict(value)


def _described(kind: type, name: str) -> str:
    return "the job" if kind is Job else f"{name} of the job"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _example() -> str:
    return '{"picture": "me.jpg", "recording": "hello.m4a", "output": "hello.mp4"}'
