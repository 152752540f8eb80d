"""The engines by name; a new engine is a folder beside this file and a line here."""

from __future__ import annotations

import inspect
from importlib import import_module

from ..errors import SettingsError
from .base import Engine

ENGINES = {
    "lite": ".lite.engine:LiteEngine",
    "sonic": ".sonic.engine:SonicEngine",
}


def engine_class(name: str) -> type[Engine]:
    """The engine called `name`, not loaded; imports only what it needs.  Raises SettingsError for an unknown name."""
    if name not in ENGINES:
        raise SettingsError(f"engine is {name!r}; expected one of {', '.join(ENGINES)}.")
    module, _, attribute = ENGINES[name].partition(":")
    return getattr(import_module(module, __package__), attribute)


def load_engine(name: str = "lite", **options: object) -> Engine:
    """Make the engine called `name` (`options` go to its constructor).

    Raises SettingsError for an unknown name or an option that this engine does not have, ModelMissingError when its weights are absent.
    """
    engine = engine_class(name)
    known = inspect.signature(engine).parameters
    unknown = [_in_words(option) for option in options if option not in known]
    if unknown:
        raise SettingsError(
            f"The {name} engine has no option {', '.join(unknown)}; leave it out or choose another engine."
        )
    return engine(**options)


def _in_words(option: str) -> str:
    return {"folders": "for a models folder"}.get(option, option)
