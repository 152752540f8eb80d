"""Many generations in one process leave nothing behind: no handle, no thread, and hardly a byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux tells of a process")

CHILD = Path(__file__).with_name("many_runs.py")
ROOT = Path(__file__).parents[2]


def run(folder: Path, count: int) -> tuple[dict[str, int], dict[str, int]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "SONIC_PORTRAIT_CACHE": str(folder)}
    made = subprocess.run(
        [sys.executable, str(CHILD), str(folder), str(count)], env=environment, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout.splitlines()[-1])
    return told["first"], told["last"]


def test_runs_leave_no_handle_and_no_thread(tmp_path):
    first, last = run(tmp_path, 8)
    assert last["handles"] <= first["handles"]
    assert last["threads"] <= first["threads"]


@pytest.mark.slow
def test_five_hundred_runs_leave_nothing(tmp_path):
    first, last = run(tmp_path, 500)
    assert last["handles"] <= first["handles"]
    assert last["threads"] <= first["threads"]
    assert last["bytes"] - first["bytes"] < 0.02 * first["resident"]
