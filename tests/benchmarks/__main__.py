"""`python -m tests.benchmarks [NAME ...]`: run the benchmarks of this folder and print their tables, and how long each took.

A benchmark is a module with TITLE and measure() -> list[Row].  The exit code is 1 when a target was missed.  times.json holds how long each
took when it was last run with --keep-times.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import sys
import time
from importlib import import_module
from pathlib import Path

from .table import markdown

FOLDER = Path(__file__).parent
TIMES = FOLDER / "times.json"


def main(arguments: list[str] | None = None) -> int:
    titles = benchmarks()
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Run benchmarks and print their tables; 1 is returned when a target was missed.",
        epilog=described(titles, json.loads(TIMES.read_text(encoding="utf-8"))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="Which, by name; all of them when none is given.")
    parser.add_argument("--keep-times", action="store_true", help="Note in times.json how long each took.")
    options = parser.parse_args(arguments)
    names = options.names
    if unknown := [name for name in names if name not in titles]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(titles)}")
    print(describe_machine(), flush=True)
    missed = 0
    for name in names or titles:
        benchmark = import_module(f".{name}", __package__)
        start, cpu = time.perf_counter(), sum(os.times()[:4])
        rows = benchmark.measure()
        missed += sum(not row.met for row in rows)
        print(markdown(benchmark.TITLE, rows), flush=True)
        wall, cpu = time.perf_counter() - start, sum(os.times()[:4]) - cpu
        print(f"{name} took {wall:.0f} s, {cpu:.0f} s of CPU\n", flush=True)
        if options.keep_times and rows:
            times = json.loads(TIMES.read_text(encoding="utf-8")) | {name: round(cpu)}
            TIMES.write_text(json.dumps(dict(sorted(times.items())), indent=1) + "\n", encoding="utf-8")
    return 1 if missed else 0


def described(titles: dict[str, str], times: dict[str, int]) -> str:
    """The benchmarks in lines, with the CPU seconds that each took when it was noted last."""
    cost = {name: f"{times[name]} s of CPU" if name in times else "not timed" for name in titles}
    lines = (f"  {name:18} {cost[name]:>14}  {title}" for name, title in titles.items())
    return "\n".join(("benchmarks, with the time that each takes on one x86-64 core:", *lines))


def benchmarks() -> dict[str, str]:
    """Name -> title of every module with TITLE and measure, read without importing what they need."""
    found = {}
    for file in sorted(FOLDER.glob("*.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        if any(isinstance(part, ast.FunctionDef) and part.name == "measure" for part in body):
            for part in body:
                if isinstance(part, ast.Assign) and getattr(part.targets[0], "id", None) == "TITLE":
                    found[file.stem] = _title(part.value)
    return found


def _title(value: ast.expr) -> str:
    """A title as text; what is worked out when the benchmark runs shows as dots."""
    if isinstance(value, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in value.values)
    return str(ast.literal_eval(value))


def describe_machine() -> str:
    """What the figures below must be read with: wall times mean little on a machine that does other work."""
    load = f", load average {os.getloadavg()[0]:.1f} before the run" if hasattr(os, "getloadavg") else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}\n"


if __name__ == "__main__":
    sys.exit(main())
