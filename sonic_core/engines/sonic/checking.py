"""What is wrong with files that are there: every network built from the headers, none loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...errors import ModelMissingError
from ...models.locate import locate
from ...models.weights import read_shapes
from .files import SONIC_FILES
from .loading import check_together, networks_in, with_named_encoder


def faults_of_files(folders: Sequence[Path], chosen: Mapping[str, Path] | None = None) -> dict[str, str]:
    """Faults of the engine's files by key, empty = those that are found can be used, together too.

    Sizes, headers, names and shapes are read; the numbers are not.
    """
    paths, missing = locate(SONIC_FILES, folders, chosen)
    try:
        paths = with_named_encoder(paths, chosen)
    except ModelMissingError as error:
        return {"audio_encoder": str(error)}
    parts, faults = networks_in(paths, torch.float32, read_shapes)
    if not faults and not missing:
        try:
            check_together(parts, paths)
        except ModelMissingError as error:
            faults["unet"] = str(error)
    return faults
