"""mypy over the core and the nodes, under the name of a package whatever the checkout's folder is called.

The repository's root is a package (ComfyUI imports it so), and a folder such as `sonic-portrait` is no name that mypy takes.

    python tools/check_types.py [MYPY OPTIONS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "sonic_portrait"


def main(options: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / NAME).symlink_to(ROOT, target_is_directory=True)
        places = [f"{NAME}/{part}" for part in ("sonic_core", "nodes")]
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *options, *places]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
