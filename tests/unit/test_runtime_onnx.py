"""Exported networks: the same as PyTorch's, refused when stale, and a clip made with them without PyTorch."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sonic_core
from sonic_core import cli
from sonic_core.audio.loading import load_audio
from sonic_core.diffusion.noise import normal_noise
from sonic_core.engines.lite.exporting import SPECS
from sonic_core.engines.lite.motion import DENOISER_SPEC
from sonic_core.engines.registry import load_engine
from sonic_core.errors import ModelMissingError, NotEnoughMemoryError, OutputError, SettingsError
from sonic_core.hearing.encoder_choice import ENCODER_SPECS
from sonic_core.portrait.analysis import load_portrait
from sonic_core.runtime import onnx_export
from sonic_core.runtime.loading import open_networks
from sonic_core.runtime.network import ONNX, TORCH, NetworkSpec
from sonic_core.runtime.onnx_network import WEIGHTS_KEY, file_name
from sonic_core.settings import Settings

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SAMPLES = Path(sonic_core.__file__).parent / "samples"
PORTRAIT, SPEECH = SAMPLES / "portrait.png", SAMPLES / "speech.wav"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert cli.main(["export", "onnx", str(folder / "onnx"), "--quiet"]) == 0
    return folder


def test_every_network_has_a_file_that_says_what_it_was_made_from(exported):
    for spec in SPECS:
        model = onnx.load(exported / "onnx" / file_name(spec))
        assert {prop.key: prop.value for prop in model.metadata_props}[WEIGHTS_KEY]
        assert model.opset_import[0].version == onnx_export.OPSET
    names = {path.name for path in (exported / "onnx").iterdir()}
    beside = {name for name in names if name.endswith(".data")}
    assert names - beside == {file_name(spec) for spec in SPECS}
    assert sorted(name.split(".")[0] for name in beside) == [
        f"sonic-portrait-speech-encoder-{name}" for name in ("wav2vec2", "whisper")
    ]
    assert max((exported / "onnx" / name).stat().st_size for name in names - beside) < onnx_export.LARGEST_INSIDE


@pytest.mark.parametrize("left", [0, 100_000, None], ids=["empty", "cut off", "gone"])
def test_weights_beside_a_file_that_are_not_whole_are_told(exported, tmp_path, left):
    spec = ENCODER_SPECS["wav2vec2"]
    for path in (exported / "onnx").glob("*wav2vec2*"):
        shutil.copy(path, tmp_path)
    (weights,) = tmp_path.glob("*.data")
    if left is None:
        weights.unlink()
    else:
        os.truncate(weights, left)
    with pytest.raises(ModelMissingError, match=r"wav2vec2\.onnx cannot be read .*export onnx"):
        open_networks([spec], ONNX, [tmp_path])


@pytest.fixture
def retrained(monkeypatch):
    """The denoiser with other weights under the same name, large enough to lie beside its file."""
    monkeypatch.setattr(onnx_export, "LARGEST_INSIDE", 0)
    module = DENOISER_SPEC.make()
    with torch.no_grad():
        for weight in module.parameters():
            weight *= 1.5

    class Retrained(NetworkSpec):
        def make(self):
            return module

    return Retrained(**vars(DENOISER_SPEC))


def computed(folder):
    (network,) = open_networks([DENOISER_SPEC], ONNX, [folder])
    return network(*DENOISER_SPEC.example_inputs(DENOISER_SPEC.tried_at[0]))[0]


def test_a_file_never_computes_with_the_weights_of_another_export(retrained, tmp_path):
    for name, spec in (("one", DENOISER_SPEC), ("other", retrained)):
        onnx_export.export_network(spec, tmp_path / name)
    (tmp_path / "one" / file_name(DENOISER_SPEC)).replace(tmp_path / "other" / file_name(DENOISER_SPEC))
    with pytest.raises(ModelMissingError, match="cannot be read"):
        computed(tmp_path / "other")


def test_an_export_that_breaks_off_leaves_the_earlier_one_whole(retrained, tmp_path, monkeypatch):
    onnx_export.export_network(DENOISER_SPEC, tmp_path)
    before, replace_file = computed(tmp_path), os.replace

    def full(file, target):
        if Path(target).suffix == ".onnx":
            raise OSError("No space left on device")
        replace_file(file, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        onnx_export.export_network(retrained, tmp_path)
    assert (computed(tmp_path) == before).all()


def test_an_export_takes_the_weights_of_the_one_before_away(retrained, tmp_path):
    (tmp_path / f"{file_name(DENOISER_SPEC)}.data").touch()
    for spec in (DENOISER_SPEC, retrained):
        onnx_export.export_network(spec, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_a_file_computes_what_pytorch_computes_at_other_sizes_than_it_was_tried_at(exported, spec):
    sizes = {name: 3 * size // 5 // 320 * 320 or max(1, size // 2) for name, size in spec.tried_at[0].items()}
    inputs = spec.example_inputs(sizes)
    (ours,), (theirs,) = open_networks([spec], ONNX, [exported]), open_networks([spec], TORCH)
    for a, b in zip(ours(*inputs), theirs(*inputs), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() < 1e-4 * max(1.0, np.abs(b).max())


def test_either_runtime_draws_the_same_frames(exported, tmp_path):
    audio = load_audio(SPEECH)
    audio = audio.with_samples(audio.samples[:, : 2 * audio.rate])
    frames = {}
    for runtime in (TORCH, ONNX):
        engine = load_engine("lite", runtime=runtime, folders=[exported])
        portrait = load_portrait(PORTRAIT, cache_dir=tmp_path / "cache", runtime=runtime, folders=[exported])
        conditioning = engine.prepare(portrait, audio, Settings(min_resolution=256, inference_steps=5))
        latents = engine.sample(conditioning, conditioning.settings)
        frames[runtime] = np.stack(list(engine.decode(conditioning, latents))).astype(int)
    assert len(frames[ONNX]) == 50
    apart = np.abs(frames[ONNX] - frames[TORCH])
    assert apart.max() <= 2
    assert (apart > 1).mean() < 1e-6  # where a position falls on the other side of a step of the sampling
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2, "each runtime's measurements are kept apart"


def test_a_clip_is_made_without_importing_pytorch_or_scipy(exported, tmp_path):
    output = tmp_path / "clip.mp4"
    arguments = ["generate", "--image", str(PORTRAIT), "--audio", str(SPEECH), "--output", str(output)]
    arguments += ["--runtime", "onnx", "--models-folder", str(exported), "--min-resolution", "256", "--quiet"]
    script = (
        "import sys; from sonic_core import cli; code = cli.main(sys.argv[1:]); "
        "heavy = {'torch', 'transformers', 'diffusers', 'scipy'} & set(sys.modules); print(sorted(heavy)); sys.exit(code)"
    )
    environment = {**os.environ, "SONIC_PORTRAIT_CACHE": str(tmp_path / "cache")}
    made = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=environment)
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == "[]"
    assert output.stat().st_size > 10_000


def test_all_missing_files_are_listed_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(ModelMissingError, match="python -m sonic_core export onnx") as caught:
        open_networks(SPECS, ONNX, [tmp_path])
    assert all(file_name(spec) in str(caught.value) for spec in SPECS)


@pytest.mark.parametrize("change", ["weights", "graph"])
def test_a_file_of_other_weights_is_refused(exported, tmp_path, change):
    shutil.copy(exported / "onnx" / file_name(DENOISER_SPEC), tmp_path)
    other = {"weights": tmp_path / "other.safetensors"} if change == "weights" else {"graph": DENOISER_SPEC.graph + 1}
    (tmp_path / "other.safetensors").write_bytes(b"retrained")
    with pytest.raises(ModelMissingError, match="was exported from other weights or by another release"):
        open_networks([replace(DENOISER_SPEC, **other)], ONNX, [tmp_path])


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / file_name(DENOISER_SPEC)).write_bytes(b"no model")
    with pytest.raises(ModelMissingError, match="cannot be read"):
        open_networks([DENOISER_SPEC], ONNX, [tmp_path])


def test_a_whole_file_is_not_to_be_made_anew_where_memory_is_short(exported, monkeypatch):
    def session(*_, **__):
        raise RuntimeError("bad allocation: std::bad_alloc")

    monkeypatch.setattr("onnxruntime.InferenceSession", session)
    with pytest.raises(NotEnoughMemoryError):
        open_networks([DENOISER_SPEC], ONNX, [exported])


def test_a_file_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "TOLERANCE", 1e-12)
    with pytest.raises(OutputError, match="differs from PyTorch"):
        onnx_export.export_network(DENOISER_SPEC, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_onnxruntime_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingsError, match=r"pip install sonic-portrait\[onnx\]"):
        open_networks([DENOISER_SPEC], ONNX)


def test_an_unknown_runtime_is_refused():
    with pytest.raises(SettingsError, match="torch, onnx"):
        open_networks([DENOISER_SPEC], "tensorrt")


@pytest.mark.parametrize("shape", [(16,), (17,), (131, 19), (4, 4, 5, 3)])
@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**64 - 1])
def test_noise_without_pytorch_is_pytorchs(shape, seed):
    theirs = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).numpy()
    assert np.abs(normal_noise(shape, seed) - theirs).max() < 2e-6
