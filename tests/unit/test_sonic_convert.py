import pytest
import torch
from sonic_samples import write_models

from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.engines.sonic.loading import load_sonic
from sonic_core.errors import ModelMissingError
from sonic_core.models.convert import convert_file, convert_found


@pytest.fixture
def models(tmp_path):
    write_models(tmp_path)
    return tmp_path


def test_converted_weights_give_the_same_networks(models):
    before = load_sonic([models])
    done = convert_found(SONIC_FILES, [models])
    assert sorted(target.name for _, target in done) == [
        "audio2bucket.safetensors", "audio2token.safetensors", "flownet.safetensors", "unet.safetensors",
    ]  # fmt: skip
    for source, _ in done:
        source.unlink()
    after = load_sonic([models])
    for name in ("unet", "audio_to_token", "audio_to_bucket", "ifnet"):
        a, b = (getattr(model, name).state_dict() for model in (before, after))
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_converting_again_does_nothing(models):
    assert len(convert_found(SONIC_FILES, [models])) == 4
    assert convert_found(SONIC_FILES, [models]) == []


def test_half_precision_halves_the_file(models):
    source = models / "sonic" / "unet.pth"
    target = convert_file(source, models / "unet.safetensors", half=True)
    assert target.stat().st_size < 0.6 * source.stat().st_size


def test_a_file_that_cannot_be_read_leaves_nothing_behind(models):
    broken = models / "sonic" / "unet.pth"
    broken.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelMissingError, match=r"unet\.pth"):
        convert_file(broken, models / "sonic" / "unet.safetensors")
    assert not list((models / "sonic").glob("*unet*safetensors*"))


@pytest.mark.parametrize("content", [b"RIFF\0\0\0\0WAVE", b"\xff\xd8\xff\xe0JFIF", b"hello", b""])
def test_what_is_no_pytorch_file_is_named_as_such(tmp_path, content):
    path = tmp_path / "unet.pth"
    path.write_bytes(content)
    with pytest.raises(ModelMissingError, match="is no PyTorch file"):
        convert_file(path, tmp_path / "unet.safetensors")


def test_a_file_that_is_not_there_is_not_called_truncated(tmp_path):
    with pytest.raises(ModelMissingError, match="does not exist"):
        convert_file(tmp_path / "unet.pth", tmp_path / "unet.safetensors")
