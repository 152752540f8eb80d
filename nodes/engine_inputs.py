"""What the loader node asks for the engines: made from what each declares, files from ComfyUI's folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..sonic_core.engines.declaration import CHOSEN, DEVICE, FOLDERS, RESERVE, Declaration, Option
from ..sonic_core.engines.registry import declaration, declarations
from ..sonic_core.models.locate import find_shared
from ..sonic_core.models.manifest import ModelFile
from . import host
from .host import advanced, io

AUTO = "auto"
HIGHEST_SCALE = 30.0
"""Of numbers that the loader offers; guidance beyond it only burns the picture."""


def engines_that(hold: Callable[[Declaration], bool]) -> str:
    """ "Engine sonic", "Engine sonic, toy": those of which `hold` is true, for tooltips."""
    return f"Engine {', '.join(engine.name for engine in declarations() if hold(engine))}"


def engine_inputs() -> list[io.Input]:
    """Optional, so that graphs made for an engine without options still run; files first.  What some engines lack is folded away."""
    inputs: dict[str, io.Input] = {}
    for engine in declarations():
        for file in engine.file_choices:
            inputs[file.key] = advanced(
                io.Combo.Input(
                    file.key,
                    options=[AUTO, *host.model_files(file.folder)],
                    default=AUTO,
                    optional=True,
                    tooltip=f"Engine {engine.name}: {file.help}",
                )
            )
    offered: dict[str, list[tuple[Declaration, Option]]] = {}
    for engine in declarations():
        for option in engine.options:
            if option.offered:
                offered.setdefault(option.name, []).append((engine, option))
    return [*inputs.values(), *(_option_input(owners) for owners in offered.values())]


def _option_input(owners: list[tuple[Declaration, Option]]) -> io.Input:
    """One widget for the options of that name; the first engine that has it says what it looks like."""
    option = owners[0][1]
    common: dict[str, Any] = {"optional": True, "tooltip": " ".join(_tooltip(*owner) for owner in owners)}
    if option.kind is bool:
        item = io.Boolean.Input(option.name, default=option.default, **common)
    elif option.kind is str and option.choices:
        choices = tuple(dict.fromkeys(choice for _, its in owners for choice in its.choices))
        unset = [AUTO] if option.default is None else []
        item = io.Combo.Input(option.name, options=[*unset, *choices], default=option.default or AUTO, **common)
    elif option.kind is int:
        item = io.Int.Input(option.name, default=option.default, **common)
    elif option.kind is float:
        item = io.Float.Input(option.name, default=option.default, min=0.0, max=HIGHEST_SCALE, step=0.1, **common)
    else:
        item = io.String.Input(option.name, default=option.default or AUTO, **common)
    everywhere = len(owners) == len(declarations())
    return item if everywhere and not option.rare else advanced(item)


def _tooltip(engine: Declaration, option: Option) -> str:
    unset = f"; {AUTO} = {option.unset}" if option.default is None and option.unset else ""
    return f"Engine {engine.name}: {option.sentence.removesuffix('.')}{unset}."


def chosen_options(engine: str, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the engine: of the choices those that it has, and what ComfyUI knows: folders, files, device."""
    its = declaration(engine)
    options = {
        option.name: None if choices[option.name] == AUTO else choices[option.name]
        for option in its.options
        if option.offered and option.name in choices
    }
    known = {
        FOLDERS: lambda: [host.models_folder()],
        CHOSEN: lambda: chosen_files(its, choices),
        DEVICE: host.torch_device,
        RESERVE: host.reserved_gib,
    }
    return options | {name: value() for name, value in known.items() if its.option(name)}


def weights_file(file: ModelFile) -> Path | None:
    """Where a file of weights lies in ComfyUI's folders."""
    own = next((path for place in file.places if (path := host.model_path(place))), None)
    return own or find_shared(file, [], host.folders_of(file.shared.name) if file.shared else [])


def chosen_files(engine: Declaration, choices: Mapping[str, Any]) -> dict[str, Path]:
    """Every weight file that ComfyUI's folders hold, what the user chose first.

    A published name that was chosen and is not there stands for the same weights under another published name; where there are none,
    the engine lists them with all that is missing.
    """
    chosen: dict[str, Path] = {}
    for file in engine.weights:
        found = weights_file(file)
        if found is not None:
            chosen[file.key] = found
    published = {place for file in engine.weights for place in file.places}
    for choice in engine.file_choices:
        name = choices.get(choice.key, AUTO)
        place = f"{choice.folder}/{name}"
        if name != AUTO and (place not in published or host.model_path(place)):
            chosen[choice.key] = host.chosen_model(choice.folder, name)
    return chosen
