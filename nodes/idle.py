"""What was set on a node and does nothing there: told, not kept silent about."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ..sonic_core.engines.base import Engine
from ..sonic_core.engines.declaration import Declaration
from ..sonic_core.settings import Settings
from .engine_inputs import AUTO
from .setting_inputs import TABLE

log = logging.getLogger(__name__)


def idle_settings(model: Engine, settings: Settings, names: Iterable[str]) -> tuple[str, ...]:
    """A sentence about those of the settings `names` that were changed and do nothing in the model's engine."""
    changed = [name for name in names if getattr(settings, name) != TABLE[name].default]
    return _told(model.name, model.declaration.without_effect(changed))


def idle_options(engine: Declaration, choices: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[str, ...]:
    """The same of the loader's choices that the engine does not have.  defaults: of its widgets."""
    has = {option.name for option in engine.options} | {file.key for file in engine.file_choices}
    changed = [name for name, value in choices.items() if value not in (AUTO, defaults.get(name)) and name not in has]
    return _told(engine.name, changed)


def _told(engine: str, names: Iterable[str]) -> tuple[str, ...]:
    listed = ", ".join(names)
    if not listed:
        return ()
    sentence = f"Without effect in the {engine} engine: {listed}. Leave it out, or choose another engine."
    log.warning("%s", sentence)
    return (sentence,)
