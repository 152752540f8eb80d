"""`python -m tests.benchmarks --help` names every benchmark, with the time that it took where it was noted."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "benchmarks"


def test_help_lists_every_benchmark_with_its_time():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    listed = {line.split()[0]: line for line in answer.stdout.partition("benchmarks, with")[2].splitlines()[1:] if line}
    measuring = {file.stem for file in FOLDER.glob("*.py") if "\ndef measure(" in file.read_text("utf-8")}
    assert set(listed) == measuring
    times = json.loads((FOLDER / "times.json").read_text("utf-8"))
    assert set(times) <= measuring
    assert all(f"{seconds} s of CPU" in listed[name] for name, seconds in times.items())
