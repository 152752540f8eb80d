"""Damaged weights of the package: told in our words, by the network that cannot be used and the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sonic_core.engines.lite.denoiser import MotionDenoiser
from sonic_core.engines.lite.motion import DENOISER_WEIGHTS
from sonic_core.errors import ModelMissingError, NotEnoughMemoryError
from sonic_core.hearing.encoder_choice import WEIGHTS
from sonic_core.hearing.lip_reader_module import LipReader
from sonic_core.hearing.wav2vec2 import BundledWav2Vec2
from sonic_core.hearing.whisper import WhisperEncoder
from sonic_core.package_weights import reading
from sonic_core.portrait import face_modules, networks

LOADERS: dict[str, tuple[Path, Callable[[Path], object]]] = {
    "lip reader": (WEIGHTS / "lip_reader.safetensors", LipReader.load),
    "whisper": (WEIGHTS / "whisper_tiny_en_encoder.safetensors", WhisperEncoder.load),
    "wav2vec2": (WEIGHTS / "wav2vec2" / "model.safetensors", lambda path: BundledWav2Vec2.load(path.parent)),
    "denoiser": (DENOISER_WEIGHTS, MotionDenoiser.load),
    "face": (networks.WEIGHTS, face_modules.load_mesh),
}


def cut_off(good: Path, path: Path) -> None:
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])


def emptied(good: Path, path: Path) -> None:
    path.write_bytes(b"")


def one_lacking(good: Path, path: Path) -> None:
    tensors, metadata = contents(good)
    tensors.pop(max(tensors))
    save_file(tensors, path, metadata)


def other_shapes(good: Path, path: Path) -> None:
    tensors, metadata = contents(good)
    save_file({name: torch.zeros(value.numel() + 1) for name, value in tensors.items()}, path, metadata)


def contents(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118  not a dict


@pytest.mark.parametrize("damage", [cut_off, emptied, one_lacking, other_shapes])
@pytest.mark.parametrize("network", LOADERS)
def test_damaged_weights_are_told_in_our_words(tmp_path, network, damage):
    good, load = LOADERS[network]
    path = tmp_path / good.name
    for beside in good.parent.glob("config.json"):
        shutil.copy(beside, tmp_path)
    damage(good, path)
    with pytest.raises(ModelMissingError, match="install it again") as told:
        load(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("network", LOADERS)
def test_missing_weights_are_named(tmp_path, network):
    good, load = LOADERS[network]
    with pytest.raises(ModelMissingError, match="install it again") as told:
        load(tmp_path / good.name)
    assert str(tmp_path / good.name) in str(told.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"do_stable_layer_norm": true', "\x00"])
def test_a_damaged_config_is_told_in_our_words(tmp_path, text):
    (tmp_path / "model.safetensors").symlink_to(LOADERS["wav2vec2"][0])
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelMissingError, match=r"config\.json"):
        BundledWav2Vec2.load(tmp_path)


@pytest.mark.parametrize(
    "words", ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 589824 bytes", ""]
)
def test_whole_weights_are_not_called_damaged_where_memory_is_short(words):
    error = RuntimeError(words) if words else MemoryError()
    with pytest.raises(NotEnoughMemoryError), reading("The denoiser", DENOISER_WEIGHTS):
        raise error
