"""`download`: fetch the published weights of an engine, after their licences have been accepted."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.registry import declaration, declarations
from ..errors import SettingsError
from .engine_options import add_models_folder, searched_folders

if TYPE_CHECKING:
    from .console import Console

HELP = "fetch the weights of an engine that has them not in the package"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = tuple(engine.name for engine in declarations() if engine.weights)
    bundled = " and ".join(engine.name for engine in declarations() if not engine.weights)
    parser.add_argument("engine", choices=names, help=f"Whose weights; {bundled}: in the package.")
    add_models_folder(parser, "Where the weights go. Default: the first folder that `doctor` lists.")
    parser.add_argument(
        "--accept-licence", action="store_true", help="Accept the licences that are shown, for scripts: no question."
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ..models.download import check_offered, fetch
    from ..models.download_list import described, place_in
    from ..models.download_record import write_record
    from ..models.missing import missing_downloads

    folders = searched_folders(args.models_folder)
    into = folders[0]
    downloads = missing_downloads(declaration(args.engine).weights, folders, into.joinpath)
    if not downloads:
        check_usable(args.engine, folders)
        console.say(f"All weights of the {args.engine} engine are there already.")
        return {"folder": str(into), "fetched": {}}
    for line in described(downloads, into):
        console.say(line)
    accept(args.accept_licence, console)
    check_offered(downloads)
    fetched = {}
    for download in downloads:
        place = place_in(into, download)
        console.say(f"Fetching {place}")
        fetched[place] = fetch(download, console)
        record = write_record(into, fetched)
        console.say(f"         commit {fetched[place].commit}, sha256 {fetched[place].sha256}")
    check_usable(args.engine, folders)
    console.say(f"Done. Commits and checksums are written down in {record}.")
    return {"folder": str(into), "fetched": {place: asdict(item) for place, item in fetched.items()}}


def check_usable(engine: str, folders: Sequence[Path]) -> None:
    """Raises ModelMissingError for files that are there and cannot be used: what was fetched, or others that go before it."""
    from ..models.checking import fault_in
    from ..models.locate import locate, report_problems

    files = declaration(engine).weights
    found, _ = locate(files, folders)
    faults = [fault for file in files if file.key in found and (fault := fault_in(file, found[file.key]))]
    if faults:
        raise report_problems(engine, [], faults, folders)


def accept(accepted: bool, console: Console) -> None:
    """Raises SettingsError unless the user accepts."""
    if accepted:
        return
    answer = console.confirm("Do you accept these licences?")
    if answer is None:
        raise SettingsError("The licences must be accepted before the download: add --accept-licence.")
    if not answer:
        raise SettingsError("The licences were not accepted; nothing was fetched.")
