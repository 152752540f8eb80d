"""Columns of a table: the names of `generate`'s options, where each belongs in a job, and what its text means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..background import background_of
from ..engines.declaration import CHOSEN, FOLDERS
from ..engines.registry import all_options
from ..errors import SettingsError
from ..job import Job
from ..settings import Settings
from .remote_files import is_url
from .table import nearest

YES, NO = ("true", "yes", "1", "on", "是"), ("false", "no", "0", "off", "否")
WORDS = {int: "a whole number", float: "a number", bool: "true or false", tuple: "four numbers x,y,width,height"}


@dataclass(frozen=True)
class Column:
    """place: names on the way into a job's JSON.  kind: str, int, float, bool, or tuple of four numbers.  scale: of numbers."""

    place: tuple[str, ...]
    kind: type = str
    scale: int = 1

    def read(self, value: Any) -> Any:
        """A cell's text as its kind; what is no text already (from JSON) stays as it is.  Raises ValueError for other text."""
        if isinstance(value, str) and self.kind is not str:
            value = _parsed(self.kind, value.strip())
        return value * self.scale if self.scale != 1 and isinstance(value, int) else value


@cache
def columns() -> dict[str, Column]:
    """Every column by name."""
    known = {
        "image": Column(("picture",)),
        "audio": Column(("recording",)),
        "output": Column(("output",)),
        "engine": Column(("engine",)),
        "image_frame": Column(("picture_frame",), int),
        "trim_silence": Column(("trim_silence",), bool),
        "face_box": Column(("face", "box"), tuple),
        "mask": Column(("face", "mask")),
        "whole_image": Column(("face", "whole_image"), bool),
        "background": Column(("background",)),
        "output_fps": Column(("output_fps",), float),
        "interpolation": Column(("interpolation",)),
        "smooth": Column(("smoothing", "method")),
        "smooth_strength": Column(("smoothing", "strength"), float),
        "crf": Column(("encoding", "crf"), int),
        "codec_preset": Column(("encoding", "preset")),
        "codec": Column(("encoding", "codec")),
        "hardware": Column(("encoding", "hardware"), bool),
        "audio_codec": Column(("encoding", "audio_codec")),
        "audio_kbps": Column(("encoding", "audio_bitrate"), int, 1000),
        "even_sides": Column(("encoding", "even")),
        "producer": Column(("labels", "producer")),
        "visible_label": Column(("labels", "visible", "span")),
        "label_language": Column(("labels", "visible", "language")),
        "label_corner": Column(("labels", "visible", "corner")),
        "label_text": Column(("labels", "visible", "text")),
        "title": Column(("tags", "title")),
    }
    settings = {item.name: Column(("settings", item.name), type(item.default)) for item in fields(Settings)}
    options = {
        name: Column(("options", name), owners[0][1].kind)
        for name, owners in all_options().items()
        if name not in (FOLDERS, CHOSEN)
    }
    return {**options, **settings, **known}


JOB_FIELDS = frozenset(item.name for item in fields(Job))


def unknown(names: Mapping[str, Any]) -> list[str]:
    """A sentence for every name that is no column and no field of a job, with the nearest known one."""
    known = columns()
    return [
        f"the column {name!r} is unknown; {nearest(name, known)}"
        for name in names
        if name not in known and name not in JOB_FIELDS
    ]


def job_values(row: Mapping[str, Any], base: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """JSON values of the job that a row means: the row's over `base`, relative paths taken from `folder`.

    Raises SettingsError for text of another kind than the column's.
    """
    values: dict[str, Any] = {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in base.items()
    }
    for name, value in row.items():
        if column := columns().get(name):
            try:
                _put(values, column.place, column.read(value))
            except ValueError:
                raise SettingsError(f"{name} is {value!r}; expected {WORDS[column.kind]}.") from None
        elif isinstance(value, Mapping):  # a field of a job, as job_to_json writes it
            values[name] = {**(values.get(name) or {}), **value}
        else:
            values[name] = value
    labels = values.get("labels")
    if (
        isinstance(labels, dict)
        and isinstance(labels.get("visible"), Mapping)
        and labels["visible"].get("span") == "off"
    ):
        labels["visible"] = None
    for name in ("picture", "recording"):
        if isinstance(values.get(name), str) and not is_url(values[name]):
            values[name] = str(folder / Path(values[name]).expanduser())
    if isinstance(values.get("background"), str) and isinstance(behind := background_of(values["background"]), Path):
        values["background"] = str(folder / behind)
    face = values.get("face")
    if isinstance(face, dict) and isinstance(face.get("mask"), str):
        face["mask"] = str(folder / Path(face["mask"]).expanduser())
    return values


def _put(values: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        values[name] = dict(values.get(name) or {})
        values = values[name]
    values[place[-1]] = value


def _parsed(kind: type, text: str) -> Any:
    if kind is bool:
        if text.lower() in YES + NO:
            return text.lower() in YES
        raise ValueError(text)
    if kind is float:
        return float(text.replace(",", ".") if "." not in text else text)  # the decimal comma of many spreadsheets
    if kind is tuple:
        box = [float(part) for part in text.replace(";", ",").split(",")]
        if len(box) != 4:
            raise ValueError(text)
        return box
    return int(text)
