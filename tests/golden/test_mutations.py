"""The guard guards: every constant changed on purpose turns a golden test red, and nothing else fails before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import mutations

ROOT = Path(__file__).parents[2]


def test_every_mutation_finds_its_target():
    assert mutations.missing() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [mutation.name for mutation in mutations.MUTATIONS])
def test_a_changed_constant_turns_a_golden_test_red(name):
    run = subprocess.run(
        [sys.executable, "-m", "tests.golden.mutations", name], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, f"exit code {run.returncode}: the change was not seen\n{run.stdout[-3000:]}{run.stderr}"
    assert "AssertionError: Golden:" in run.stdout, run.stdout[-3000:]
