"""`generate --engine sonic` and its options, run in this process on tiny random weights."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sonic_samples import SAMPLES, speech, write_models

from sonic_core import cli
from sonic_core.engines.sonic import declaration as declaration_module
from sonic_core.engines.sonic.declaration import SONIC
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.errors import MissingLibraryError
from sonic_core.media.probe import probe
from sonic_core.models.manifest import RemoteFile

PICTURE = SAMPLES / "portrait.png"
QUICK = ("--inference-steps", "2", "--min-resolution", "256", "--quiet")
ONE_STEP = ("--inference-steps", "1")


def written(seconds, folder):
    import wave

    clip, path = speech(seconds), folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, clip.rate, 0, "NONE", ""))
        file.writeframes((clip.mono() * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return written(0.36, tmp_path_factory.mktemp("nine frames"))


@pytest.fixture(scope="module")
def five_frames(tmp_path_factory):
    return written(0.2, tmp_path_factory.mktemp("five frames"))


@pytest.fixture
def generate(models, five_frames, tmp_path):
    """Run `generate --engine sonic` with more options; gives the exit code."""

    def run(*options, image=PICTURE, output=tmp_path / "a.mp4"):
        inputs = ["--image", image, "--audio", five_frames, *(["--output", output] if output else [])]
        engine = ["--engine", "sonic", "--models-folder", models, "--device", "cpu"]
        try:
            return cli.main([*map(str, ("generate", *inputs, *engine, *QUICK, *options))])
        except SystemExit as leaving:
            return leaving.code

    return run


@pytest.fixture
def sampled(monkeypatch):
    """How often sampling ran."""
    runs, sample = [], SonicEngine.sample_in_steps
    monkeypatch.setattr(SonicEngine, "sample_in_steps", lambda *args: runs.append(1) or sample(*args))
    return runs


def conditioned(monkeypatch):
    """The conditionings that the engine makes from now on."""
    made, prepare = [], SonicEngine.prepare

    def watched(*args, **options):
        made.append(prepare(*args, **options))
        return made[-1]

    monkeypatch.setattr(SonicEngine, "prepare", watched)
    return made


@pytest.mark.usefixtures("small")
def test_a_video_is_made_and_names_its_engine_and_notes(generate, tmp_path, capsys):
    assert generate("--preset", "fast", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["engine"], report["frames"]) == ("sonic", 5)
    assert any("Preset fast runs 1 of the 2 steps" in note for note in report["notes"])
    assert any("inference_steps is 2, enough for a draft" in note for note in report["notes"])
    assert probe(tmp_path / "a.mp4").metadata["engine"] == "sonic"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_every_missing_file_is_named_once_and_the_exit_code_is_1(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SONIC_PORTRAIT_MODELS", raising=False)
    inputs = ["--image", str(PICTURE), "--audio", str(recording), "--output", "a.mp4"]
    assert cli.main(["generate", *inputs, "--engine", "sonic", "--models-folder", str(tmp_path / "mine")]) == 1
    message = capsys.readouterr().err
    for words in (
        "5 file(s) missing",
        "sonic/unet.pth",
        "6.3 GB",
        "CC BY-NC-SA 4.0",
        "huggingface.co",
        str(tmp_path / "mine"),
    ):
        assert words in message
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_tells_work_memory_and_time_and_makes_nothing(generate, sampled, tmp_path, capsys):
    assert generate("--estimate", "--json", output=None) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["steps"]) == (5, 2)
    assert report["unet_passes"] == 6
    assert min(report["tflop"], report["peak_gib"], report["seconds"]) > 0
    assert sampled == []
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_needs_no_weights(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SONIC_PORTRAIT_MODELS", raising=False)
    # Not measured: a CPU takes seconds for half precision.
    monkeypatch.setattr("sonic_core.engines.sonic.estimating.sustained_rate", lambda device, dtype: 1e12)
    inputs = ["--image", str(PICTURE), "--audio", str(recording), "--engine", "sonic", "--estimate", "--json"]
    sizes = {}
    for fp8 in ((), ("--fp8",)):
        assert cli.main(["generate", *inputs, "--device", "cpu", "--precision", "fp16", *fp8]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["unet_passes"] == 75
        assert report["tflop"] == pytest.approx(75 * 6.58 + 5 * 3.04, rel=0.05)
        sizes[fp8] = report["peak_gib"]
    assert "UNet weights in 8 bits" in report["plan"]
    assert sizes[()] - sizes[("--fp8",)] == pytest.approx(1.47, abs=0.02)


def test_an_estimate_of_weights_that_are_there_reads_their_sizes_only(generate, models, capsys, monkeypatch):
    def never(*args, **options):
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("sonic_core.engines.sonic.loading.load_sonic", never)
    monkeypatch.setattr("sonic_core.engines.sonic.engine.load_sonic", never)
    assert generate("--estimate", "--json", output=None) == 0
    assert json.loads(capsys.readouterr().out)["peak_gib"] < 4  # published sizes in fp32: over 8


def test_the_plan_is_told_before_the_work_begins(models, recording, tmp_path, monkeypatch, capsys):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(SonicEngine, "prepare", stop)
    files = ["--image", PICTURE, "--audio", recording, "--output", tmp_path / "a.mp4", "--models-folder", models]
    options = ["--engine", "sonic", "--device", "cpu", "--inference-steps", "2", "--min-resolution", "256"]
    cli.main([*map(str, ("generate", *files, *options))])
    assert "Plan:    5 key frames, 2 steps, 6 UNet passes" in capsys.readouterr().out


@pytest.mark.usefixtures("small")
def test_a_failure_in_decoding_does_not_lose_the_sampling(generate, sampled, tmp_path, monkeypatch, capsys):
    def no_space(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("sonic_core.pipeline.write_video", no_space)
        assert generate() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.latents.safetensors"]
    assert "a.latents.safetensors" in capsys.readouterr().err
    assert generate("--resume", "--seed", "1") == 2
    assert "seed in settings was 0, is 1." in capsys.readouterr().err
    assert generate("--resume", "--preset", "fast", "--precision", "bf16") == 2
    said = capsys.readouterr().err
    assert "preset was exact, is fast; precision was float32, is bfloat16" in said
    assert "weights" not in said
    assert len(sampled) == 1
    assert generate("--resume") == 0
    assert len(sampled) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert generate("--resume", "--overwrite") == 0
    assert len(sampled) == 2


@pytest.mark.usefixtures("small")
def test_a_resumed_video_is_the_video(generate, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("sonic_core.pipeline.write_video", lambda *args, **options: 1 / 0)
        generate()
    generate("--resume")
    generate(output=tmp_path / "b.mp4")
    streams = [cv2.VideoCapture(str(tmp_path / name)) for name in ("a.mp4", "b.mp4")]
    for _ in range(5):
        (one, a), (other, b) = (stream.read() for stream in streams)
        assert one
        assert other
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "options",
    [
        ("--preset", "fast"),
        ("--precision", "fp16"),
        ("--device", "cpu"),
        ("--estimate",),
        ("--resume",),
        ("--reference",),
        ("--compile",),
        ("--fp8",),
        ("--face-box", "1,2,300,300"),
        ("--mask", "mask.png"),
        ("--whole-image",),
    ],
)
def test_lite_refuses_options_that_it_does_not_have(options, recording, tmp_path, capsys):
    inputs = ["--image", str(PICTURE), "--audio", str(recording), "--output", str(tmp_path / "a.mp4")]
    assert cli.main(["generate", *inputs, *options]) == 2
    assert "lite" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--preset", "medium"),
        ("--precision", "fp64"),
        ("--device", "abacus"),
        ("--inference-steps", "0"),
        ("--face-box", "1,2,3"),
        ("--face-box", "a,b,c,d"),
        ("--mask", "mask.png", "--face-box", "1,2,300,300"),
        ("--reference", "--preset", "fast"),
        ("--reference", "--fp8"),
        ("--encoder", "whisper"),
    ],
)
def test_what_sonic_does_not_know_is_wrong_usage(generate, options, tmp_path):
    assert generate(*options) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_missing_output_is_wrong_usage(generate):
    assert generate(output=None) == 2


@pytest.fixture
def no_face(tmp_path_factory):
    """A picture without a face: coloured noise, blurred."""
    picture = np.random.default_rng(0).integers(0, 256, (320, 256, 3), np.uint8)
    path = tmp_path_factory.mktemp("pictures") / "clouds.png"
    cv2.imwrite(str(path), cv2.GaussianBlur(picture, (0, 0), 8))
    return path


def test_a_picture_without_a_face_is_an_error(generate, no_face, capsys):
    assert generate(image=no_face) == 1
    assert "no face was found in clouds.png" in capsys.readouterr().err


def test_a_box_says_where_speech_acts(generate, no_face, tmp_path, monkeypatch):
    made = conditioned(monkeypatch)
    assert generate("--face-box", "64,64,128,128", *ONE_STEP, image=no_face) == 0
    mask = made[0].features.mask[0, 0]
    assert mask[128, 128] == 1
    assert mask[20, 20] == mask[300, 240] == 0
    face = ("--framing", "face", *ONE_STEP)
    assert generate("--face-box", "64,64,128,128", *face, image=no_face, output=tmp_path / "b.mp4") == 0
    assert made[1].features.mask.mean() > 0.3


def test_a_mask_says_it_to_the_pixel(generate, no_face, tmp_path, monkeypatch):
    made = conditioned(monkeypatch)
    painted = np.zeros((160, 128), np.uint8)
    painted[40:80, 32:64] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), painted)
    assert generate("--mask", tmp_path / "mask.png", *ONE_STEP, image=no_face) == 0
    mask = made[0].features.mask[0, 0]
    assert mask.shape == (320, 256)
    assert mask[90:150, 74:118].min() > 0.9
    assert mask[170:].max() == mask[:70].max() == 0


def test_a_face_that_is_there_is_used_even_when_the_whole_image_would_do(generate, monkeypatch):
    made = conditioned(monkeypatch)
    assert generate("--whole-image", *ONE_STEP) == 0
    assert made[0].features.mask.mean() < 0.5
    assert made[0].portrait.report.faces_found == 1


@pytest.mark.usefixtures("small")
def test_the_whole_image_speaks_with_a_warning_when_asked(generate, no_face, monkeypatch, capsys):
    made = conditioned(monkeypatch)
    assert generate("--whole-image", "--json", image=no_face) == 0
    report = json.loads(capsys.readouterr().out)
    assert any("may move everything" in advice for advice in report["portrait"]["advice"])
    assert made[0].features.mask.min() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face-box", "200,0,100,100"), "inside clouds.png"),
        (("--face-box", "0,0,4,4"), "at least 16 x 16"),
        (("--mask", "black.png"), "no white"),
        (("--mask", "wide.png"), "paint it over"),
    ],
)
def test_boxes_and_masks_that_do_not_fit_are_errors(generate, no_face, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("black.png", np.zeros((320, 256), np.uint8))
    cv2.imwrite("wide.png", np.full((100, 300), 255, np.uint8))
    assert generate(*options, image=no_face) == 1
    assert words in capsys.readouterr().err


def test_convert_writes_safetensors_that_are_then_used(tmp_path, capsys):
    write_models(tmp_path)
    assert cli.main(["convert", "--models-folder", str(tmp_path), "--json"]) == 0
    converted = json.loads(capsys.readouterr().out)["converted"]
    assert len(converted) == 4
    for item in converted:
        (tmp_path / item["source"]).unlink()
    SonicEngine([tmp_path], device="cpu")
    assert cli.main(["convert", "--models-folder", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["converted"] == []


def sonic_of(report):
    return [sentence for sentence in report["works"] if "sonic engine" in sentence][-1]


@pytest.fixture
def doctor(monkeypatch, capsys):
    """What doctor says of a models folder, with its exit code."""
    monkeypatch.setattr("sonic_core.commands.doctor.drawing_speed", lambda: 100.0)

    def run(folder, *options):
        code = cli.main(["doctor", "--models-folder", str(folder), "--json", *options])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_doctor_finds_the_weights_in_the_folder_that_is_named(doctor, models, tmp_path, monkeypatch):
    code, report = doctor(models)
    assert code == 0
    assert "are all there and open" in sonic_of(report)
    assert set(report["sonic_weights"]["found"]) == {file.key for file in SONIC.weights if file.source.files}
    code, report = doctor(tmp_path)
    assert "download sonic" in sonic_of(report)
    monkeypatch.setattr(
        "sonic_core.commands.doctor.installed_version", lambda name: None if name == "diffusers" else "1"
    )
    assert "pip install diffusers" in sonic_of(doctor(models)[1])


def test_doctor_calls_no_file_unusable_that_it_cannot_open_for_want_of_a_package(doctor, models, monkeypatch):
    def lacking(*_):
        raise MissingLibraryError("The Python package 'diffusers' is not installed. Install it: pip install diffusers")

    monkeypatch.setattr("sonic_core.engines.registry.faults_of_files", lacking)
    code, report = doctor(models)
    assert (code, report["sonic_weights"]["unusable"]) == (0, {})
    assert set(report["sonic_weights"]["found"]) == {file.key for file in SONIC.weights if file.source.files}
    assert "could not be opened here: The Python package 'diffusers'" in sonic_of(report)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def foreign(path):
    torch.save({"something": torch.zeros(2)}, path)


def emptied(path):
    for part in path.iterdir():
        part.unlink()


@pytest.mark.parametrize(
    ("key", "place", "damage"),
    [
        ("unet", "sonic/unet.pth", cut),
        ("unet", "sonic/unet.pth", foreign),
        ("audio2token", "sonic/audio2token.pth", lambda path: path.write_text("<html>not found</html>")),
        ("audio_encoder", "sonic/whisper-tiny/model.safetensors", cut),
        ("audio_encoder", "sonic/whisper-tiny", emptied),
        ("svd", "diffusers/stable-video-diffusion-img2vid-xt/vae/diffusion_pytorch_model.safetensors", cut),
        ("svd", "diffusers/stable-video-diffusion-img2vid-xt/vae/config.json", lambda path: path.write_text("{")),
        ("flownet", "sonic/RIFE/flownet.pkl", foreign),
    ],
)
def test_doctor_calls_no_broken_file_complete(doctor, tmp_path, key, place, damage):
    write_models(tmp_path)
    damage(tmp_path / place)
    code, report = doctor(tmp_path)
    assert code == 1
    assert set(report["sonic_weights"]["unusable"]) == {key}
    assert key not in report["sonic_weights"]["found"]
    assert "cannot use the files listed above as UNUSABLE" in sonic_of(report)


def test_doctor_sees_networks_that_do_not_belong_together(doctor, tmp_path, models):
    write_models(tmp_path, wav2vec2=True)
    (tmp_path / "sonic" / "audio2token.pth").write_bytes((models / "sonic" / "audio2token.pth").read_bytes())
    code, report = doctor(tmp_path)
    assert code == 1
    assert "trained with" in "".join(report["sonic_weights"]["unusable"].values())


def test_doctor_compares_checksums_when_asked(doctor, tmp_path, monkeypatch):
    write_models(tmp_path)
    path = tmp_path / "sonic" / "unet.pth"
    published = RemoteFile("Sonic/unet.pth", path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    unet = replace(SONIC.weights[0], source=replace(SONIC.weights[0].source, files=(published,)))
    monkeypatch.setattr(declaration_module, "SONIC", replace(SONIC, weights=(unet, *SONIC.weights[1:])))

    def verdict(*options):
        code, report = doctor(tmp_path, *options)
        return code, {Path(file["path"]).name: file["verdict"] for file in report["sonic_weights"]["files"]}

    code, verdicts = verdict("--hash")
    assert (code, verdicts["unet.pth"]) == (0, "as published")
    assert verdicts["audio2token.pth"] == "not the published size"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # one bit among the numbers
    path.write_bytes(content)
    assert verdict()[1]["unet.pth"] == "published size"
    code, verdicts = verdict("--hash")
    assert (code, verdicts["unet.pth"]) == (1, "DAMAGED, not the published bytes")
