"""Options of the engines themselves, made from what each declares; one that the chosen engine does not have is wrong usage."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..engines.declaration import CHOSEN, FOLDERS, Declaration, Option
from ..engines.registry import DEFAULT_ENGINE, all_options, declaration, declarations
from ..errors import SettingsError

NOT_TYPED = (CHOSEN, FOLDERS)  # the first is for programs, the second is --models-folder


def add_engine(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Which engine, how it works, and what long work needs.  without: options of engines that the command has for something else."""
    group = add_engine_choice(parser, without)
    counting = ", ".join(engine.name for engine in declarations() if not engine.cheap_trial)
    group.add_argument(
        "--estimate",
        action="store_true",
        help=f"{counting}: tell work, memory and time, and make no video; needs no weights.",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help=f"{counting}: go on from the latents that an interrupted run left beside the output.",
    )


def add_engine_choice(parser: argparse.ArgumentParser, without: Collection[str] = ()) -> argparse._ArgumentGroup:
    """Which engine, and how it works."""
    group = parser.add_argument_group("engine")
    engines = " or ".join(f"{engine.name} ({engine.summary})" for engine in declarations())
    group.add_argument("--engine", default=DEFAULT_ENGINE, metavar="NAME", help=f"{engines}. Default {DEFAULT_ENGINE}.")
    for name, owners in all_options().items():
        if name not in (*NOT_TYPED, *without):
            _add_option(group, name, owners)
    parser.set_defaults(**dict.fromkeys(without))
    searching = [engine.name for engine in declarations() if engine.option(FOLDERS)]
    add_models_folder(group, f"{', '.join(searching)}: searched first for its weights.")
    return group


def _add_option(group: argparse._ActionsContainer, name: str, owners: list[tuple[Declaration, Option]]) -> None:
    """One option of the command line for the options of that name; engines that differ each get a sentence."""
    option = owners[0][1]
    by_help: dict[str, list[str]] = {}
    for engine, its in owners:
        by_help.setdefault(_help(its), []).append(engine.name)
    words = " ".join(f"{', '.join(names)}: {text}" for text, names in by_help.items()).replace("%", "%%")
    flag = f"--{name.replace('_', '-')}"
    if option.kind is bool:
        group.add_argument(flag, action="store_true", help=words)
        return
    choices = tuple(dict.fromkeys(choice for _, its in owners for choice in its.choices))
    group.add_argument(
        flag, type=option.kind, choices=choices or None, metavar=None if choices else option.metavar, help=words
    )


def _help(option: Option) -> str:
    default = option.unset if option.default is None else option.default
    return option.sentence if option.kind is bool or not default else f"{option.sentence} Default {default}."


def add_options_of(parser: argparse._ActionsContainer, engine: Declaration) -> None:
    """The options of one engine, for a command that uses no other."""
    for option in engine.options:
        if option.name not in NOT_TYPED:
            _add_option(parser, option.name, [(engine, option)])


def options_of(args: argparse.Namespace, engine: Declaration) -> dict[str, Any]:
    """What `add_options_of` has read, as far as it was given."""
    names = [option.name for option in engine.options if option.name not in NOT_TYPED]
    return {name: value for name in names if (value := vars(args)[name]) not in (None, False)}


def add_models_folder(parser: argparse._ActionsContainer, help: str) -> None:
    parser.add_argument("--models-folder", type=Path, metavar="FOLDER", help=help)


def searched_folders(named: Path | None) -> tuple[Path, ...]:
    """Where weights are looked for: the folder that the user named, then the usual ones."""
    from ..models.locate import models_folders

    return (*([named.expanduser()] if named else []), *models_folders())


def options_from(args: argparse.Namespace) -> dict[str, Any]:
    """The engine's options as far as the user gave them, whether it has them or not: the job refuses those that it has not."""
    names = [name for name in all_options() if name not in NOT_TYPED]
    given = {name: value for name in names if (value := vars(args)[name]) not in (None, False)}
    return given | ({FOLDERS: searched_folders(args.models_folder)} if args.models_folder else {})


def typed(args: argparse.Namespace) -> list[str]:
    """The engine and its options as they would be typed, as far as they were given."""
    given = ["--engine", args.engine]
    for name in all_options():
        value = None if name in NOT_TYPED else vars(args)[name]
        if value not in (None, False):
            given += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return given + (["--models-folder", str(args.models_folder)] if args.models_folder else [])


def check_long_work(args: argparse.Namespace) -> None:
    """Raises SettingsError for what only engines have whose sampling takes long."""
    engine = declaration(args.engine)
    for name in ("estimate", "resume"):
        if vars(args)[name] and engine.cheap_trial:
            raise SettingsError(
                f"--{name} is for engines whose sampling takes long; {engine.name} is done in no time. Leave it out."
            )
