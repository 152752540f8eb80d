"""`python -m tests.benchmarks [NAME ...]`: run the benchmarks of this folder and print their tables.

A benchmark is a module with TITLE and measure() -> list[Row].  The exit code is 1 when a target was missed.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from pathlib import Path

from .table import markdown

OTHERS = {"__init__", "__main__", "table", "clips"}


def main(wanted: list[str]) -> int:
    names = wanted or sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem not in OTHERS)
    print(describe_machine(), flush=True)
    missed = 0
    for name in names:
        benchmark = import_module(f".{name}", __package__)
        if not hasattr(benchmark, "measure"):
            continue
        rows = benchmark.measure()
        missed += sum(not row.met for row in rows)
        print(markdown(benchmark.TITLE, rows), flush=True)
    return 1 if missed else 0


def describe_machine() -> str:
    """What the figures below must be read with: wall times mean little on a machine that does other work."""
    load = f", load average {os.getloadavg()[0]:.1f} before the run" if hasattr(os, "getloadavg") else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
