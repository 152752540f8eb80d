"""Damaged files of every kind that comes in: a result or a SonicError, within seconds and a gigabyte, and nothing half written.

An input is known by its door and number: `python tests/robustness/fuzz_child.py DOOR FOLDER NUMBER 1` runs one again.
"""

from __future__ import annotations

import sys

import pytest
from fuzzing import faults

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

INPUTS = {
    "picture": 600, "sound": 600, "clip": 250, "inspect": 300, "interpolate": 60, "align": 10, "report": 3, "latents": 300,
    "checkpoint": 300, "convert": 150, "cache": 12, "sidecar": 6, "download record": 200, "provenance": 300,
    "workflow": 200, "workflow file": 100, "table": 100, "table file": 100,
}  # fmt: skip
MANY = 30
"""Times as many in the slow run, and other ones."""


@pytest.mark.parametrize("door", INPUTS)
def test_a_damaged_file_is_read_or_refused_in_our_words(tmp_path, door):
    assert not faults(door, tmp_path, 0, INPUTS[door])


@pytest.mark.slow
@pytest.mark.parametrize("door", INPUTS)
def test_many_damaged_files_are_read_or_refused_in_our_words(tmp_path, door):
    assert not faults(door, tmp_path, INPUTS[door], MANY * INPUTS[door])


def test_the_fuzzer_sees_what_is_not_allowed(tmp_path):
    found = faults("trap", tmp_path, 0, 6)
    kinds = {fault.number: fault.what for fault in found}
    assert kinds[0].startswith("ZeroDivisionError")
    assert kinds[1].startswith("MemoryError")
    assert "SIGSEGV" in kinds[2]
    assert "SIGXCPU" in kinds[3]
    assert "half a file was left" in kinds[4]
    assert 5 not in kinds
