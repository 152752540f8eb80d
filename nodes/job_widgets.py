"""From the widgets of a node to a job: one table, as commands/job_options.py is for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..sonic_core.job import Job
from ..sonic_core.media.encoding import Encoding
from ..sonic_core.media.labels import Labels
from ..sonic_core.media.visible_label import VisibleLabel
from ..sonic_core.settings import Settings
from .interpolation_inputs import ENGINES_OWN
from .marking_inputs import NO_LABEL
from .setting_inputs import TABLE
from .transparency_inputs import colour_only

Widgets = Mapping[str, Any]
"""Values by name.  A prompt saved before a widget existed does not have it: its default counts."""

ENCODING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "crf": ("crf", int),
    "preset": ("preset", str),
    "audio_kbps": ("audio_bitrate", lambda kbps: 1000 * kbps),
    "codec": ("codec", str),
    "hardware": ("hardware", bool),
    "audio_codec": ("audio_codec", str),
    "even_sides": ("even", str),
}
"""Widget -> field of `Encoding`, and how its value is made."""
LABELS = ("visible_label", "label_language")


def settings_from(widgets: Widgets) -> Settings:
    return Settings(**{name: widgets[name] for name in TABLE if name in widgets})


def encoding_from(widgets: Widgets) -> Encoding:
    return Encoding(**{field: made(widgets[name]) for name, (field, made) in ENCODING.items() if name in widgets})


def labels_from(widgets: Widgets) -> Labels:
    span = widgets.get("visible_label", NO_LABEL)
    return Labels(visible=None if span == NO_LABEL else VisibleLabel(span, widgets.get("label_language", "en")))


JOB: dict[str, Callable[[Widgets], Any]] = {
    "settings": settings_from,
    "output_fps": lambda widgets: None if (fps := widgets.get("output_fps", ENGINES_OWN)) == ENGINES_OWN else fps,
    "encoding": encoding_from,
    "labels": labels_from,
    "background": lambda widgets: colour_only(widgets.get("background", "")),
}
"""What each field of `Job` is made from; picture, recording, engine and output are sockets or wait for the picture's size."""
WIDGETS = frozenset((*TABLE, *ENCODING, *LABELS, "output_fps", "background"))


def job_from(widgets: Widgets, engine: str) -> Job:
    """A job without its output.  Raises SettingsError for everything that a job refuses, TypeError for a name that is no widget."""
    check_names(widgets, WIDGETS)
    return Job(None, None, engine=engine, **{field: made_from(widgets) for field, made_from in JOB.items()})


def check_names(widgets: Widgets, known: Iterable[str]) -> None:
    """Raises TypeError, as Python does for arguments that a function does not have."""
    if unknown := sorted(set(widgets) - set(known)):
        raise TypeError(f"unexpected inputs {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
