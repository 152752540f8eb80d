"""The reference of all public names, from their docstrings:  pip install -e '.[docs]' && python -m tools.reference [FOLDER]"""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc

import sonic_core


def write(folder: Path) -> Path:
    """sonic_core.html in `folder`; returns its path."""
    names = {name: getattr(sonic_core, name) for name in sonic_core.__all__}
    vars(sonic_core).update(names)  # loaded when they are used; pdoc looks at what is there
    try:
        pdoc.pdoc("sonic_core", output_directory=folder)
    finally:
        for name in names:
            delattr(sonic_core, name)
    return folder / "sonic_core.html"


if __name__ == "__main__":
    print(write(Path(sys.argv[1] if len(sys.argv) > 1 else "build/reference")))
