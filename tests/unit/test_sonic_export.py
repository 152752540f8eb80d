"""Sonic's networks as .onnx files: at a thousandth of the size, what PyTorch computes."""

import numpy as np
import pytest
import torch
from sonic_samples import CONTEXT, TOKENS, networks, write_models

from sonic_core import cli
from sonic_core.engines.sonic.attention import AttentionContext
from sonic_core.engines.sonic.estimating import WINDOW
from sonic_core.engines.sonic.exporting import export_onnx, sonic_specs
from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.errors import ModelMissingError
from sonic_core.models.locate import locate
from sonic_core.runtime import onnx_export

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NETWORKS = {"speech-encoder", "audio2token", "audio2bucket", "unet"}


def test_the_audio_nets_compute_what_pytorch_computes(tmp_path):
    write_models(tmp_path / "models")
    paths, _ = locate(SONIC_FILES, (tmp_path / "models",))
    for spec in sonic_specs(paths)[:3]:
        assert onnx_export.export_network(spec, tmp_path).difference < onnx_export.TOLERANCE


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The networks, and the folder of their files."""
    folder = tmp_path_factory.mktemp("sonic")
    write_models(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SONIC_PORTRAIT_MODELS", str(folder / "models"))
        for limit in ("LARGEST", "LARGEST_INSIDE"):
            patch.setattr(onnx_export, limit, 500_000)  # the UNet is above it, as the published one is
        assert cli.main(["export", "onnx", str(folder / "onnx"), "--engine", "sonic", "--quiet"]) == 0
    return networks(), folder / "onnx"


@pytest.mark.slow
def test_every_network_has_a_file_and_the_large_one_its_weights_beside_it(made):
    _, folder = made
    expected = {f"sonic-portrait-sonic-{name}.onnx" for name in NETWORKS}
    (weights,) = folder.glob("sonic-portrait-sonic-unet.*.onnx.data")
    assert set(folder.iterdir()) == {folder / name for name in expected} | {weights}
    unet = onnx.load(folder / "sonic-portrait-sonic-unet.onnx", load_external_data=False)
    assert unet.opset_import[0].version == onnx_export.OPSET
    assert unet.ByteSize() < weights.stat().st_size


@pytest.mark.slow
def test_the_exported_unet_predicts_what_the_engines_does_at_another_size(made):
    nets, folder = made
    torch.manual_seed(5)
    height, width = 32, 16
    sample, clip, audio = (
        torch.randn(1, WINDOW, 8, height, width),
        torch.randn(1, CONTEXT),
        torch.randn(WINDOW, TOKENS, CONTEXT),
    )
    timestep, ids = torch.tensor([0.7]), torch.tensor([[12.5, 40.0, 60.0]])
    mask = torch.zeros(1, 1, 8 * height, 8 * width)
    mask[..., 64:192, 32:96] = 1
    context = AttentionContext([clip], [audio], mask, WINDOW, (height, width))
    with torch.no_grad():
        expected = nets["unet"](sample, timestep, ids, context).numpy()
    given = {"sample": sample, "timestep": timestep, "added_time_ids": ids, "clip": clip, "audio": audio}
    given |= {f"mask_{level}": context.mask_at(level) for level in range(4)}
    session = onnxruntime.InferenceSession(str(folder / "sonic-portrait-sonic-unet.onnx"))
    (found,) = session.run(None, {name: value.numpy() for name, value in given.items()})
    assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())
    without = given | {f"mask_{level}": torch.ones_like(context.mask_at(level)) for level in range(4)}
    (unmasked,) = session.run(None, {name: value.numpy() for name, value in without.items()})
    assert np.abs(unmasked - expected).max() > 1e-3  # masks and all are inputs, not constants


def test_missing_weights_are_listed(tmp_path):
    with pytest.raises(ModelMissingError, match=r"unet(.|\n)*audio2token|audio2token(.|\n)*unet"):
        export_onnx(tmp_path / "onnx", {"folders": (tmp_path,)})
    assert not (tmp_path / "onnx").exists()
