"""Where the data of installed packages lie."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_folder(name: str) -> Path:
    """Folder of an installed package.  Raises ModuleNotFoundError for one that is not."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed; see requirements.txt beside this file.")
    return Path(spec.origin).parent
