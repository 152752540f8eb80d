"""Options of an engine itself, handed to the engine that was chosen: one that it does not have is wrong usage."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.sonic.presets import PRESETS
from ..errors import SettingsError
from .options import add_encoder, encoder_from

if TYPE_CHECKING:
    from ..engines.base import Engine

PRECISIONS = ("fp16", "bf16", "fp32")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Which engine, and how it works."""
    group = parser.add_argument_group("engine")
    # The registry is not asked here: it imports torch.
    group.add_argument("--engine", default="lite", metavar="NAME", help="lite (bundled) or sonic. Default lite.")
    add_encoder(group)
    summaries = "; ".join(f"{preset.name} = {preset.summary}" for preset in PRESETS.values())
    group.add_argument("--preset", choices=tuple(PRESETS), help=f"sonic: {summaries}. Default exact.")
    group.add_argument(
        "--precision", choices=PRECISIONS, help="sonic: of the large networks. Default fp16 on a GPU, fp32 on a CPU."
    )
    group.add_argument("--device", metavar="NAME", help="sonic: cuda, cuda:1, mps, cpu. Default the best there is.")
    add_models_folder(group, "sonic: searched first for its weights.")
    group.add_argument(
        "--reference",
        action="store_true",
        help="sonic: do everything as the published code does, seams and all; one amplitude, --dynamic-scale, for head and face.",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="sonic: compile the UNet first; pays on a GPU for clips of more than a minute.",
    )
    group.add_argument(
        "--fp8",
        action="store_true",
        help="sonic: keep the UNet's weights in 8 bits, half the memory. Without it that is done where nothing else fits.",
    )
    group.add_argument(
        "--estimate",
        action="store_true",
        help="sonic: tell work, memory and time, and make no video; needs no weights.",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="sonic: go on from the latents that an interrupted run left beside the output.",
    )


def add_models_folder(parser: argparse._ActionsContainer, help: str) -> None:
    parser.add_argument("--models-folder", type=Path, metavar="FOLDER", help=help)


def searched_folders(named: Path | None) -> tuple[Path, ...]:
    """Where weights are looked for: the folder that the user named, then the usual ones."""
    from ..models.locate import models_folders

    return (*([named.expanduser()] if named else []), *models_folders())


def engine_from(args: argparse.Namespace) -> Engine:
    """Load the chosen engine.  Raises SettingsError for an option that it does not have."""
    from ..engines.registry import load_engine

    options = mode_options(args)
    options.update(encoder_from(args, args.engine))
    if args.models_folder:
        options["folders"] = searched_folders(args.models_folder)
    engine = load_engine(args.engine, **options)
    if args.resume and engine.cheap_trial:
        raise SettingsError(f"--resume is for engines whose sampling takes long; {engine.name} is done in no time.")
    return engine


def mode_options(args: argparse.Namespace) -> dict[str, Any]:
    """How the engine shall work, as far as the user said."""
    names = ("preset", "precision", "device", "reference", "compile", "fp8")
    return {name: getattr(args, name) for name in names if getattr(args, name)}
