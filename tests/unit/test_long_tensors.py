"""Tensors as long as a clip, in memory and in files."""

import tempfile
from pathlib import Path

import pytest
import torch

from sonic_core.runtime import long_tensors
from sonic_core.runtime.long_tensors import long_tensor


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(long_tensors, "IN_MEMORY", 1000)
    return tmp_path


def mapped_files():
    return sum(".tensor" in line for line in Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is mapped")
def test_long_tensors_lie_in_a_file_that_goes_with_them(folder):
    before = mapped_files()
    short, tensor = long_tensor((5, 50)), long_tensor((30, 50), torch.float16)
    assert mapped_files() == before + 1
    assert not list(folder.iterdir())
    assert tensor.shape == (30, 50)
    assert tensor.dtype == torch.float16
    assert (tensor == 0).all()
    tensor[3:5] = 2
    tensor += 1
    assert tensor[4, 7] == 3
    assert torch.equal(tensor[:5], (short + 1).half() + 2 * (torch.arange(5)[:, None] >= 3))
    del tensor
    assert mapped_files() == before


def test_where_the_disk_is_full_they_are_in_memory(folder, monkeypatch):
    def full(size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(long_tensors, "_file_of_zeros", full)
    assert (long_tensor((30, 50)) == 0).all()
