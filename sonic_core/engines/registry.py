"""The engines by name; a new engine is a folder beside this file and a line here."""

from __future__ import annotations

from importlib import import_module

from ..errors import SettingsError
from .base import Engine

ENGINES = {
    "lite": ".lite.engine:LiteEngine",
}


def load_engine(name: str = "lite", **options: object) -> Engine:
    """Make the engine called `name` (`options` go to its constructor); imports only what that engine needs.

    Raises SettingsError for an unknown name, ModelMissingError when its weights are absent.
    """
    if name not in ENGINES:
        raise SettingsError(f"engine is {name!r}; expected one of {', '.join(ENGINES)}.")
    module, _, attribute = ENGINES[name].partition(":")
    return getattr(import_module(module, __package__), attribute)(**options)
