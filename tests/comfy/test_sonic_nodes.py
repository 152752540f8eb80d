"""The nodes with the engine sonic, on tiny random weights: where the face is, what the report says, and the device left to others."""

import pytest
import torch
from tiny_sonic import write_tiny_sonic

SMALL = {"min_resolution": 256}


@pytest.fixture
def sonic(execute, models_folder):
    write_tiny_sonic(models_folder)
    return execute("SonicModelLoader", engine="sonic", preset="preview").args[0]


@pytest.fixture
def prepare(execute, sonic, picture, sound):
    def run(image=picture, model=sonic, **inputs):
        waveform, rate = sound["waveform"], sound["sample_rate"]
        short = {"waveform": waveform[..., : round(0.2 * rate)], "sample_rate": rate}
        return execute("SonicPreData", model=model, image=image, audio=short, **{**SMALL, **inputs}).args

    return run


def clouds():
    """A picture without a face."""
    noise = torch.rand(1, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, (320, 256), mode="bicubic").clamp(0, 1).movedim(1, -1)


def area(predata):
    """Where speech may act, at the size that is generated."""
    return predata.features.mask[0, 0]


def test_the_report_tells_the_cost_before_the_long_work(prepare):
    report = prepare()[2]
    assert "Cost with inference_steps 25: 3 key frames, 9 steps" in report
    assert "GiB" in report


def test_a_painted_mask_says_where_speech_acts(prepare):
    mask = torch.zeros(1, 320, 256)
    mask[:, 160:] = 1
    predata, shown, report = prepare(clouds(), mask=mask)
    assert area(predata)[:140].max() == 0
    assert area(predata)[180:].min() == 1
    assert shown.shape[-1] == 3
    assert "marked by hand" in report


def test_a_box_says_it_too(prepare):
    predata = prepare(clouds(), face_box="64, 64, 128, 128")[0]
    assert area(predata)[128, 128] == 1
    assert area(predata)[20, 20] == 0


SMALL_BOX = {"x": 8, "y": 8, "width": 32, "height": 32}
LARGE_BOX = {"x": 64.0, "y": 64.0, "width": 128.0, "height": 128.0, "label": "face"}


@pytest.mark.parametrize("bboxes", [LARGE_BOX, [SMALL_BOX, LARGE_BOX], [[SMALL_BOX, LARGE_BOX], []]])
def test_boxes_of_cores_detectors_say_it_and_the_largest_is_taken(prepare, bboxes):
    marked = area(prepare(clouds(), face_box="64, 64, 128, 128")[0])
    assert torch.equal(area(prepare(clouds(), bboxes=bboxes)[0]), marked)


def test_another_of_those_boxes_is_chosen_by_face_index_and_cut_to_the_picture(pack):
    chosen = pack.part("nodes.face_inputs").chosen_box
    assert chosen([SMALL_BOX, LARGE_BOX], 1, 256, 256) == (8, 8, 32, 32)
    assert chosen([{**LARGE_BOX, "x": -10}], 0, 100, 256) == (0, 64, 100, 128)


def test_where_a_detector_found_nothing_the_engine_looks_itself(prepare, pack):
    with pytest.raises(pack.part("sonic_core.errors").PortraitError, match="no face was found"):
        prepare(clouds(), bboxes=[[]])


def test_without_a_face_the_node_stops_or_takes_the_whole_image_with_a_warning(prepare, pack):
    with pytest.raises(pack.part("sonic_core.errors").NoFaceError):
        prepare(clouds())
    predata, _, report = prepare(clouds(), no_face="whole image")
    assert area(predata).min() == 1
    assert "No face was found" in report


def test_a_face_that_is_found_is_used_whatever_was_said_about_none(prepare):
    assert area(prepare(no_face="whole image")[0]).mean() < 0.6


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"face_box": "1,2,3"}, "four numbers"),
        ({"face_box": "0,0,9999,9"}, "inside"),
        ({"bboxes": [SMALL_BOX], "face_index": 1}, "bboxes holds 1"),
        ({"bboxes": SMALL_BOX, "face_box": "64,64,128,128"}, "Leave one out"),
        ({"bboxes": [{"x": 1, "y": 2, "width": float("nan"), "height": 4}]}, "without x, y, width"),
        ({"bboxes": "boxes"}, "without x, y, width"),
        ({"mask": torch.zeros(1, 64, 64), "face_box": "64,64,128,128"}, "Leave one out"),
        ({"mask": torch.zeros(1, 320, 256)}, "no white"),
        ({"mask": torch.ones(1, 64, 200)}, "paint it over"),
        ({"mask": torch.zeros(1, 2, 3, 4)}, r"expected \[masks, height, width\]"),
    ],
)
def test_boxes_and_masks_that_do_not_fit_are_errors(prepare, pack, inputs, words):
    with pytest.raises(pack.part("sonic_core.errors").SonicError, match=words):
        prepare(clouds(), **inputs)


@pytest.mark.parametrize(
    "inputs",
    [{"mask": torch.ones(1, 8, 8)}, {"face_box": "1,2,300,300"}, {"bboxes": SMALL_BOX}, {"no_face": "whole image"}],
)
def test_lite_finds_the_face_itself(prepare, pack, model, inputs):
    with pytest.raises(pack.part("sonic_core.errors").SettingsError, match="finds the face itself"):
        prepare(model=model, **inputs)


def test_a_published_name_stands_for_the_same_weights_in_another_form(execute, models_folder, pack):
    from sonic_samples import write_models

    write_models(models_folder)
    sonic = models_folder / "sonic"
    torch_file, tensors = sonic / "unet.pth", sonic / "unet.safetensors"
    pack.part("sonic_core.models.convert").convert_file(torch_file, tensors)
    torch_file.unlink()
    assert not (models_folder / "checkpoints" / "svd_xt.safetensors").exists()
    engine = execute("SonicModelLoader", engine="sonic", unet="unet.pth", svd="svd_xt.safetensors").args[0]
    assert engine.name == "sonic"


def test_the_loader_passes_on_fp8_and_compile(execute, models_folder):
    write_tiny_sonic(models_folder)
    engine = execute("SonicModelLoader", engine="sonic", fp8=True, compile=True).args[0]
    assert engine.mode.fp8
    assert engine.compile


def test_others_leave_the_device_before_and_sonic_after_the_work(prepare, pack, sonic, monkeypatch):
    done = []
    monkeypatch.setattr(pack.part("nodes.host"), "make_room", lambda wanted: done.append("others left"))
    monkeypatch.setattr(type(sonic), "rest", lambda self: done.append("sonic left"))
    prepare()
    assert done == ["others left", "sonic left"]


def test_a_failed_decode_does_not_lose_the_sampling(prepare, execute, sonic, monkeypatch):
    """A LATENT is an output of its own: what ComfyUI has cached or a core node has saved is decoded again without sampling."""
    predata = prepare()[0]
    latent = execute("SonicInference", model=sonic, predata=predata, inference_steps=3).args[0]
    with monkeypatch.context() as broken:
        broken.setattr(type(sonic.model.vae), "decode", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            execute("SonicLatentDecode", model=sonic, predata=predata, latent=latent)
    monkeypatch.setattr(type(sonic), "sample_in_steps", lambda *args, **kwargs: 1 / 0)
    assert len(execute("SonicLatentDecode", model=sonic, predata=predata, latent=latent).args[0]) == 5


@pytest.fixture
def generate_it(execute, sonic, sound):
    def run(image, **inputs):
        waveform, rate = sound["waveform"], sound["sample_rate"]
        short = {"waveform": waveform[..., : round(0.2 * rate)], "sample_rate": rate}
        return execute("SonicGenerate", model=sonic, image=image, audio=short, **{**SMALL, **inputs}).args[1]

    return run


def test_a_picture_without_a_face_speaks_in_one_node_too(generate_it, pack):
    with pytest.raises(pack.part("sonic_core.errors").NoFaceError):
        generate_it(clouds())
    assert pack.part("sonic_core.media.probe").probe(generate_it(clouds(), face_box="64, 64, 128, 128")).frames == 5


def test_what_was_sampled_outlives_a_failure_and_is_not_sampled_again(generate_it, sonic, pack, folders, monkeypatch):
    def broken(*args, **kwargs):
        raise MemoryError("decoding")

    with monkeypatch.context() as patch:
        patch.setattr(type(sonic), "decode", broken)
        with pytest.raises(MemoryError):
            generate_it(clouds(), no_face="whole image")
    assert len(list(folders.rglob("*.latents.safetensors"))) == 1

    with monkeypatch.context() as patch:
        patch.setattr(type(sonic), "sample_in_steps", broken)
        with pytest.raises(MemoryError):
            generate_it(clouds(), no_face="whole image", seed=1)
        path = generate_it(clouds(), no_face="whole image")
    assert pack.part("sonic_core.media.probe").probe(path).frames == 5
    assert not list(folders.rglob("*.latents.safetensors"))
