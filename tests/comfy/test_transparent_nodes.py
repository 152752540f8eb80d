"""Pictures with transparency on their way through the nodes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from node_results import errors
from pack_loading import SAMPLES
from PIL import Image

from sonic_core.media.probe import probe
from sonic_core.media.reader import read_frames


@pytest.fixture(scope="module")
def cut_out():
    """The bundled person as Load Image gives a picture with transparency: IMAGE, and MASK of what is transparent (1)."""
    with Image.open(SAMPLES / "portrait.png") as opened:
        image = torch.from_numpy(np.asarray(opened.convert("RGB"), np.float32) / 255)[None]
    mask = torch.ones(image.shape[:3])
    mask[:, 60:, 80:460] = 0
    return image, mask


@pytest.fixture(scope="module")
def decode(execute, clip, cut_out):
    """Frames of the cut-out from Latent Decode, transparent parts white or kept, with their mask."""
    sound = clip.sound
    image, mask = cut_out
    settings = {"min_resolution": 256, "duration": 0.2, "length_policy": "trim"}

    def decoded(transparent_parts):
        data = execute("SonicPreData", model=clip.model, image=image, audio=sound, transparency=mask, **settings).args[
            0
        ]
        latent = execute("SonicInference", model=clip.model, predata=data).args[0]
        inputs = {"model": clip.model, "predata": data, "latent": latent, "transparent_parts": transparent_parts}
        return execute("SonicLatentDecode", **inputs).args

    return decoded


def test_decode_tells_what_is_transparent_in_every_frame(folders, decode):
    images, _, _, mask = decode("white")
    assert images.shape == (5, 256, 256, 3)
    assert mask.shape == images.shape[:3]
    assert (mask[0, 4, 4], mask[0, 128, 128]) == (1, 0)
    assert images[0, 4, 4].min() == 1


def test_decode_can_keep_the_opacity_in_the_images(folders, decode):
    images, _, _, mask = decode("transparent")
    assert images.shape == (5, 256, 256, 4)
    assert torch.allclose(images[..., 3], 1 - mask, atol=1e-6)
    assert images[0, 4, 4, :3].max() < 1  # the colours beside it, no white


def test_decode_of_an_opaque_picture_gives_one_empty_mask(clip):
    images, mask = clip.decoded[0], clip.decoded[3]
    assert mask.shape == (1, *images.shape[1:3])
    assert not mask.any()


@pytest.mark.parametrize("file_format", ["webm", "mov", "png", "mp4"])
def test_video_combine_keeps_transparency_where_the_file_can(execute, folders, decode, file_format, caplog):
    images, fps, _, mask = decode("white")
    made = execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="a", mask=mask, file_format=file_format)
    assert probe(made.args[1]).transparent == (file_format != "mp4")
    assert any("cannot hold transparency" in record.message for record in caplog.records) == (file_format == "mp4")


def test_generate_takes_the_mask_of_load_image(execute, pack, folders, model, sound, cut_out):
    image, mask = cut_out
    inputs = {
        "model": model,
        "image": image,
        "audio": sound,
        "min_resolution": 256,
        "duration": 0.2,
        "length_policy": "trim",
    }
    made = execute("SonicGenerate", **inputs, transparency=mask, file_format="webm")
    assert probe(made.args[1]).transparent
    told = execute("SonicGenerate", **inputs, transparency=mask).args[2]
    assert "white in the video" in told
    opaque = execute("SonicGenerate", **inputs, transparency=torch.zeros(1, 64, 64), file_format="webm")
    assert not probe(opaque.args[1]).transparent
    with pytest.raises(errors(pack).SettingsError, match="expected a colour"):
        execute("SonicGenerate", **inputs, transparency=mask, background="/etc/passwd")


def test_generate_lays_a_transparent_person_over_a_picture(execute, pack, folders, model, sound, cut_out, picture):
    image, mask = cut_out
    behind = torch.zeros((2, 90, 160, 3))
    behind[..., 1] = 1.0
    inputs = {"model": model, "audio": sound, "min_resolution": 256, "duration": 0.2, "length_policy": "trim"}
    made = execute("SonicGenerate", image=image, transparency=mask, background_image=behind, **inputs)
    frame = next(iter(read_frames(Path(made.args[1]))))
    assert np.allclose(frame[4, 4], (0, 255, 0), atol=6)
    assert abs(frame[200, 128].astype(int) - (0, 255, 0)).max() > 60
    assert "The background holds 2 pictures" in made.args[2]
    with pytest.raises(errors(pack).SettingsError, match="has no transparent parts"):
        execute("SonicGenerate", image=picture, background_image=behind, **inputs)
    with pytest.raises(errors(pack).SettingsError, match="given as well"):
        execute(
            "SonicGenerate",
            image=image,
            transparency=mask,
            background="#ff0000",
            background_image=behind,
            **inputs,
        )


def test_what_is_transparent_in_the_background_is_white(pack):
    behind = torch.zeros(1, 2, 2, 4)
    behind[..., 0] = 1.0
    behind[0, 0, :, 3] = 1.0
    picture, notes = pack.part("nodes.convert").background_from_images(behind)
    assert picture.tolist() == [[[255, 0, 0]] * 2, [[255, 255, 255]] * 2]
    assert notes == ()


@pytest.mark.parametrize("behind", [torch.zeros(0, 4, 4, 3), torch.zeros(4, 4, 3), None])
def test_a_background_that_is_none_is_called_so(pack, behind):
    with pytest.raises(errors(pack).PortraitError, match="background"):
        pack.part("nodes.convert").background_from_images(behind)
