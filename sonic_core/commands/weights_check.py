"""What `doctor` says of the weights of an engine: found and as published, there but unusable, or missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..engines.declaration import Declaration
from ..progress import Progress, ignore


def weights_of(
    engine: Declaration, folders: Sequence[Path] | None = None, with_hash: bool = False, progress: Progress = ignore
) -> dict[str, Any]:
    """The published weights that an engine reads, and the folders that were searched.

    found: paths by key.  unusable: faults by key.  unchecked: why no file was opened, empty = all were.  missing: in words.  files: sizes.
    Every file that is found is opened: header, names and shapes are read, and with `with_hash` every byte.
    """
    from ..engines.registry import faults_of_files
    from ..errors import SonicError
    from ..models.checking import against_published
    from ..models.locate import locate, models_folders

    folders = tuple(folders or models_folders())
    found, missing = locate(engine.weights, folders)
    faults: dict[str, str] = {}
    unchecked = ""
    try:
        faults = faults_of_files(engine.name, folders)
    except (ImportError, SonicError) as error:  # packages that it needs are absent: nobody can look into the files
        unchecked = str(error)
    files = []
    for file in engine.weights:
        for checked in against_published(file, found[file.key], with_hash, progress) if file.key in found else ():
            files.append({"path": str(checked.path), "bytes": checked.size, "verdict": checked.verdict})
            if checked.damaged:
                faults.setdefault(
                    file.key, f"{checked.path} has the size of the published file and other bytes; download it again."
                )
    return {
        "folders": [str(folder) for folder in folders],
        "found": {key: str(path) for key, path in found.items() if key not in faults},
        "unusable": faults,
        "unchecked": unchecked,
        "missing": [file.described() for file in missing],
        "files": files,
    }


def weights_section(engine: Declaration, weights: dict[str, Any]) -> tuple[str, list[str]]:
    """Title and lines about the weights of an engine."""
    return f"Weights of the {engine.name} engine (searched in {', '.join(weights['folders'])})", [
        *(f"found    {key}: {path}" for key, path in weights["found"].items()),
        *([f"not opened: {weights['unchecked']}"] if weights["unchecked"] and weights["found"] else ()),
        *(f"UNUSABLE {key}: {fault}" for key, fault in weights["unusable"].items()),
        *(f"missing  {description}" for description in weights["missing"]),
        *(f"size     {file['path']}: {file['bytes'] / 1e6:,.1f} MB, {file['verdict']}" for file in weights["files"]),
    ]


def state_of(engine: Declaration, weights: dict[str, Any], packages: dict[str, Any], has_gpu: bool) -> str:
    """What an engine with weights of its own still lacks here."""
    name = engine.name
    fetch = f"python -m sonic_core download {name}"
    if weights.get("unusable"):
        return f"The {name} engine cannot use the files listed above as UNUSABLE. Remove them, or fetch them again: {fetch}"
    if weights["missing"]:
        return f"The {name} engine lacks the weights listed above as missing. Fetch them: {fetch}"
    absent = [package for package in engine.packages if not packages[package]]
    if absent:
        return f"The {name} engine has its weights and lacks packages: pip install {' '.join(absent)}"
    if weights["unchecked"]:
        return f"The weights of the {name} engine are all there; they could not be opened here: {weights['unchecked']}"
    there = f"The weights of the {name} engine are all there and open"
    if not has_gpu and not engine.cheap_trial:
        return f"{there}. Without a GPU it takes days for a minute of video."
    return f"{there}: --engine {name}."
