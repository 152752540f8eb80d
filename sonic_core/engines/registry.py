"""The engines by name; a new engine is a folder beside this file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..credit import Credit
from ..errors import SettingsError
from ..system_libraries import plain_import_errors
from .declaration import Declaration, Option

if TYPE_CHECKING:
    from ..runtime.onnx_export import Exported
    from .base import Engine

ENGINES = {  # name: where its declaration is, absolute or relative to this package; the first one is the default
    "lite": ".lite.declaration:LITE",
    "sonic": ".sonic.declaration:SONIC",
}
DEFAULT_ENGINE = next(iter(ENGINES))


def declaration(name: str = DEFAULT_ENGINE) -> Declaration:
    """What the engine called `name` says about itself; nothing of it is loaded.  Raises SettingsError for an unknown name."""
    if name not in ENGINES:
        raise SettingsError(f"engine is {name!r}; expected one of {', '.join(ENGINES)}.")
    return _imported(ENGINES[name])


def declarations() -> tuple[Declaration, ...]:
    """All engines, the default one first."""
    return tuple(map(declaration, ENGINES))


def first_that(can: Callable[[Declaration], bool]) -> Declaration:
    """The first engine that declares something, for programs that need just that.  Raises SettingsError where none does."""
    for engine in declarations():
        if can(engine):
            return engine
    raise SettingsError(f"None of the engines {', '.join(ENGINES)} can do this.")


def all_options() -> dict[str, list[tuple[Declaration, Option]]]:
    """Every option by name, with the engines that have it."""
    options: dict[str, list[tuple[Declaration, Option]]] = {}
    for engine in declarations():
        for option in engine.options:
            options.setdefault(option.name, []).append((engine, option))
    return options


def engine_class(name: str = DEFAULT_ENGINE) -> type[Engine]:
    """The engine called `name`, not loaded; imports its model code.  Raises SettingsError for an unknown name."""
    return _imported(declaration(name).implementation)


def exporter(name: str) -> Callable[..., list[Exported]]:
    """What writes the engine's networks as .onnx files; imports its model code.  Raises SettingsError for an engine that has none."""
    place = declaration(name).exporter
    if not place:
        raise SettingsError(f"The {name} engine has no networks to export.")
    return _imported(place)


def faults_of_files(name: str, folders: Sequence[Path]) -> dict[str, str]:
    """What is wrong with the files of the engine called `name` that are found, by key; imports its model code where it has any to check."""
    place = declaration(name).checker
    return _imported(place)(folders) if place else {}


def card_measure(name: str) -> Callable[..., Any] | None:
    """What times the parts of the engine called `name` on a device; None = its clips are quick enough to be timed themselves."""
    place = declaration(name).card
    return _imported(place) if place else None


def load_engine(name: str = DEFAULT_ENGINE, **options: Any) -> Engine:
    """Make the engine called `name` (`options` go to its constructor).

    Raises SettingsError for an unknown name or an option that this engine does not have, ModelMissingError when its weights are absent.
    """
    return engine_class(name)(**declaration(name).checked_options(options))


def credits_of(name: str) -> tuple[Credit, ...]:
    """The models of the engine called `name`; empty for one that is not known here."""
    return declaration(name).credits if name in ENGINES else ()


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    with plain_import_errors():
        return getattr(import_module(module, __package__), attribute)
