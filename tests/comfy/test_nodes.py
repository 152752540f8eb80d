"""Every node at work on the bundled picture and recording, as ComfyUI would call it."""

import json
import wave
from collections import UserDict
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from pack_loading import ROOT, SAMPLES
from PIL import Image

from sonic_core.media.probe import probe

STATUE = ROOT / "tests" / "golden" / "portraits" / "statue.webp"
FRAMES = 50  # two seconds at 25 fps
with wave.open(str(SAMPLES / "speech.wav")) as sample:
    RATE = sample.getframerate()


def video(path):
    """Frames, size, seconds of picture and sound, and tags of an mp4."""
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], next(iter(container.streams.audio), None)
        return SimpleNamespace(
            size=(picture.width, picture.height),
            rate=sound and sound.rate,
            seconds=float(picture.duration * picture.time_base),
            heard=sound and float(sound.duration * sound.time_base),
            tags=dict(container.metadata),
            frames=sum(1 for _ in container.decode(picture)),
        )


def errors(pack):
    return pack.part("sonic_core.errors")


# Load Audio


def test_load_audio_gives_the_asked_part_at_the_files_own_rate(execute, folders):
    audio, duration = execute("SonicLoadAudio", audio="speech.wav", start=1.0, length=1.5).args
    assert audio["sample_rate"] == RATE
    assert audio["waveform"].shape == (1, 1, 1.5 * RATE)
    assert duration == pytest.approx(1.5)


def test_load_audio_refuses_files_outside_comfyuis_folders(pack, folders):
    (folders / "secret.wav").write_bytes((folders / "input" / "speech.wav").read_bytes())
    node = pack.nodes["SonicLoadAudio"]
    for name in ("../secret.wav", str(folders / "secret.wav"), "../secret.wav [output]"):
        assert "outside" in node.validate_inputs(name)
        with pytest.raises(errors(pack).SettingsError):
            node.execute(audio=name)


def test_load_audio_names_a_missing_file_before_anything_runs(pack, folders):
    assert "gone.wav" in pack.nodes["SonicLoadAudio"].validate_inputs("gone.wav")


def test_load_audio_runs_again_only_when_the_file_changes(pack, folders):
    node, file = pack.nodes["SonicLoadAudio"], folders / "input" / "speech.wav"
    before = node.fingerprint_inputs(audio="speech.wav", start=0)
    assert node.fingerprint_inputs(audio="speech.wav", start=0) == before
    file.write_bytes(file.read_bytes()[:-2000])
    assert node.fingerprint_inputs(audio="speech.wav", start=0) != before


# SONIC_PreData


def test_predata_reports_face_size_length_and_memory(execute, model, picture, sound):
    conditioning, preview, report = execute("SonicPreData", model=model, image=picture, audio=sound).args
    assert conditioning.frame_count == FRAMES
    assert preview.shape == (1, 512, 512, 3)
    for words in ("1 face found", "512 x 512 px, 50 frames at 25 fps", "Sound: 2.00 s", "0.15 GB", "Time: about"):
        assert words in report


def test_predata_shows_the_report_as_a_picture(execute, folders, model, picture, sound):
    shown = execute("SonicPreData", model=model, image=picture, audio=sound).ui
    item = shown["images"][0]
    assert item["type"] == "temp"
    assert (folders / "temp" / item["filename"]).stat().st_size > 10_000
    assert "1 face found" in shown["text"][0]


def test_predata_takes_any_mapping_any_rate_and_leaves_it_as_it_was(execute, model, picture):
    waveform = torch.randn(1, 2, 48_000).mul_(0.1)
    audio = UserDict(waveform=waveform, sample_rate=16_000)
    before = waveform.clone()
    conditioning = execute("SonicPreData", model=model, image=picture, audio=audio, min_resolution=256).args[0]
    assert conditioning.audio.duration == pytest.approx(3.0)
    assert torch.equal(waveform, before)


def test_predata_says_what_to_do_without_audio(execute, pack, model, picture):
    with pytest.raises(errors(pack).AudioError, match="Connect a recording"):
        execute("SonicPreData", model=model, image=picture, audio=None)


def test_predata_uses_the_first_picture_of_a_batch_and_says_so(execute, model, picture, sound):
    batch = torch.cat([picture, 1 - picture])
    report = execute("SonicPreData", model=model, image=batch, audio=sound, min_resolution=256).args[2]
    assert "holds 2 pictures; the first one is used" in report


def test_predata_takes_pictures_with_transparency(execute, model, picture, sound):
    with_alpha = torch.cat([picture, torch.ones_like(picture[..., :1])], -1)
    conditioning = execute("SonicPreData", model=model, image=with_alpha, audio=sound, min_resolution=256).args[0]
    assert conditioning.portrait.image.shape == (256, 256, 3)


@pytest.mark.parametrize("node", ["SonicPreData", "SonicGenerate"])
def test_what_the_picture_cannot_do_is_a_warning_of_the_report(execute, folders, model, sound, node):
    with Image.open(STATUE) as opened:
        statue = torch.from_numpy(np.asarray(opened.convert("RGB"), np.float32) / 255)[None]
    report = execute(node, model=model, image=statue, audio=sound, min_resolution=256).args[2]
    assert any(line.startswith("Warning: ") and "does not blink" in line for line in report.splitlines())


def test_predata_explains_a_picture_without_a_face(execute, pack, model, sound):
    with pytest.raises(errors(pack).PortraitError, match="no face was found"):
        execute("SonicPreData", model=model, image=torch.full((1, 256, 256, 3), 0.5), audio=sound)


def test_predata_refuses_a_duration_that_is_not_the_audios(execute, pack, model, picture, sound):
    with pytest.raises(errors(pack).DurationMismatchError, match=r"5\.00 s.*2\.00 s"):
        execute("SonicPreData", model=model, image=picture, audio=sound, duration=5.0)


# Transparency


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


# Inference and decoding


def test_the_same_seed_gives_the_same_latent_and_another_seed_another(execute, model, predata, latent):
    again = execute("SonicInference", model=model, predata=predata, seed=7).args[0]
    other = execute("SonicInference", model=model, predata=predata, seed=8).args[0]
    assert torch.equal(again["samples"], latent["samples"])
    assert not torch.equal(other["samples"], latent["samples"])


def test_latent_carries_samples_fps_and_engine(latent):
    assert latent["samples"].shape[0] == FRAMES
    assert (latent["fps"], latent["engine"]) == (25.0, "lite")


def test_a_vae_that_gets_motion_is_told_where_it_belongs(latent):
    samples = latent["samples"]
    with pytest.raises(IndexError, match=r"Connect it to Latent Decode \(Sonic\)"):
        samples.shape[2] * samples.shape[3]  # the first thing that a VAE computes


def test_decode_refuses_a_latent_of_another_node(execute, pack, model, predata):
    with pytest.raises(errors(pack).SettingsError, match="comes from another node"):
        execute("SonicLatentDecode", model=model, predata=predata, latent={"samples": torch.zeros(1, 4, 8, 8)})


def test_decode_gives_float_images_of_the_framed_size_and_the_sound_of_the_clip(decoded):
    images, fps, audio = decoded
    assert images.shape == (FRAMES, 256, 256, 3)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert fps == 25.0
    assert audio["waveform"].shape[-1] == 2 * RATE


def test_decoded_frames_move(decoded):
    images = decoded[0]
    assert (images[1:] - images[:-1]).abs().mean() > 1e-4


# Post


def test_align_finds_the_sound_that_was_moved_and_moves_it_back(execute, folders, sentence):
    images, fps, sound = sentence
    late = torch.nn.functional.pad(sound["waveform"], (round(0.15 * RATE), 0))[..., : sound["waveform"].shape[-1]]
    _, moved, offset, chart, report = execute(
        "SonicLipSyncAlign", images=images, audio={"waveform": late, "sample_rate": RATE}, fps=fps
    ).args
    assert offset == pytest.approx(150, abs=20)
    assert abs(moved["waveform"].shape[-1] - late.shape[-1]) <= 0.02 * RATE  # half a frame
    assert chart.shape[0] == 1
    assert "moved the sound" in report


def test_align_leaves_what_the_engine_made_as_it_is(execute, folders, sentence):
    images, fps, audio = sentence
    same_images, same_audio, offset, _, report = execute("SonicLipSyncAlign", images=images, audio=audio, fps=fps).args
    assert same_images is images
    assert same_audio is audio
    assert abs(offset) <= 20
    assert report.startswith("Nothing changed: sound")


def test_align_can_measure_without_touching_anything(execute, decoded):
    images, fps, audio = decoded
    same_images, same_audio, *_ = execute(
        "SonicLipSyncAlign", images=images, audio=audio, fps=fps, method="measure_only"
    ).args
    assert same_images is images
    assert same_audio is audio


def test_smoothing_calms_noise_and_strength_0_is_off(execute):
    generator = torch.Generator().manual_seed(1)
    noisy = (0.5 + 0.01 * torch.randn(12, 64, 64, 3, generator=generator)).clamp(0, 1)
    smooth = execute("SonicTemporalSmooth", images=noisy, method="ema", strength=1.0).args[0]
    assert smooth.shape == noisy.shape
    assert smooth.diff(dim=0).abs().mean() < 0.5 * noisy.diff(dim=0).abs().mean()
    assert execute("SonicTemporalSmooth", images=noisy, method="ema", strength=0.0).args[0] is noisy


# Video


def test_video_combine_writes_picture_and_sound_of_one_length(execute, folders, decoded):
    images, fps, audio = decoded
    node = execute("SonicVideoCombine", images=images, audio=audio, fps=fps, filename_prefix="sonic/clip")
    made = video(node.args[1])
    assert made.frames == FRAMES
    assert made.size == (256, 256)
    assert made.rate == RATE
    assert abs(made.seconds - made.heard) <= 0.5 / fps
    assert node.ui["images"] == [{"filename": "clip_00001_.mp4", "subfolder": "sonic", "type": "output"}]
    assert node.ui["animated"] == (True,)
    assert Path(node.args[1]) == folders / "output" / "sonic" / "clip_00001_.mp4"


def test_video_combine_counts_up_and_overwrites_nothing(execute, decoded):
    images, fps, audio = decoded
    paths = [
        execute("SonicVideoCombine", images=images, audio=audio, fps=fps, filename_prefix="clip").args[1] for _ in "ab"
    ]
    assert [Path(path).name for path in paths] == ["clip_00001_.mp4", "clip_00002_.mp4"]


def test_video_combine_keeps_the_graph_in_the_file(execute, pack, decoded, monkeypatch):
    graph = SimpleNamespace(prompt={"1": {"class_type": "X"}}, extra_pnginfo={"workflow": {"nodes": ["标"]}})
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", graph)
    images, fps, _ = decoded
    tags = video(execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]).tags
    assert tags["prompt"] == '{"1": {"class_type": "X"}}'
    assert "nodes" in tags["workflow"]


def test_every_video_says_that_it_was_generated(execute, decoded, model, picture, sound):
    images, fps, _ = decoded
    combined = execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]
    generated = execute("SonicGenerate", model=model, image=picture, audio=sound, min_resolution=256).args[1]
    for path in (combined, generated):
        tags = video(path).tags
        assert tags["ai_generated"] == "true"
        assert '"Label": "1"' in tags["AIGC"]


def test_video_combine_keeps_no_graph_under_disable_metadata(execute, pack, decoded, monkeypatch):
    graph = SimpleNamespace(prompt={"1": {}}, extra_pnginfo={"workflow": {}})
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", graph)
    monkeypatch.setattr(pack.part("nodes.host").args, "disable_metadata", True)
    images, fps, _ = decoded
    tags = video(execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]).tags
    assert not {"prompt", "workflow"} & set(tags)


def test_video_combine_keeps_no_graph_when_asked(execute, pack, decoded, monkeypatch):
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", SimpleNamespace(prompt={"1": {}}, extra_pnginfo={}))
    images, fps, _ = decoded
    tags = video(
        execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip", keep_workflow=False).args[1]
    ).tags
    assert "prompt" not in tags
    assert tags["ai_generated"] == "true"


@pytest.mark.parametrize(
    ("span", "first", "last"), [("off", False, False), ("start", True, False), ("always", True, True)]
)
def test_the_visible_label_stands_in_the_corner_as_long_as_asked(execute, span, first, last):
    grey = torch.full((60, 256, 256, 3), 0.5)
    path = execute("SonicVideoCombine", images=grey, fps=25.0, filename_prefix="clip", visible_label=span).args[1]
    with av.open(path) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert [bool(np.ptp(frame[-40:, -128:]) > 100) for frame in (frames[0], frames[-1])] == [first, last]
    assert np.ptp(frames[0][:128]) < 10


def test_generate_draws_the_visible_label_too(execute, model, picture, sound):
    options = {"model": model, "image": picture, "audio": sound, "seed": 7, "min_resolution": 256}
    plain, labelled = (
        first_frame(execute("SonicGenerate", **options, visible_label=span, label_language="zh").args[1])
        for span in ("off", "start")
    )
    changed = np.abs(plain.astype(int) - labelled) > 40
    assert changed[-40:, -128:].any()
    assert not changed[:128].any()


def first_frame(path):
    with av.open(path) as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


@pytest.mark.parametrize(("policy", "frames"), [("trim", 25), ("pad", 50)])
def test_video_combine_matches_lengths_when_asked(execute, decoded, policy, frames):
    images, fps, audio = decoded
    short = {"waveform": audio["waveform"][..., :RATE], "sample_rate": RATE}
    node = execute(
        "SonicVideoCombine", images=images, audio=short, fps=fps, filename_prefix="clip", length_policy=policy
    )
    made = video(node.args[1])
    assert made.frames == frames
    assert abs(made.seconds - made.heard) <= 0.5 / fps


def test_video_combine_holds_the_last_frame_under_longer_sound_when_padding(execute, decoded):
    images, fps, audio = decoded
    node = execute(
        "SonicVideoCombine", images=images[:40], audio=audio, fps=fps, filename_prefix="clip", length_policy="pad"
    )
    assert video(node.args[1]).frames == FRAMES


def test_video_combine_refuses_different_lengths_by_default(execute, pack, decoded):
    images, fps, audio = decoded
    with pytest.raises(errors(pack).DurationMismatchError):
        execute("SonicVideoCombine", images=images[:30], audio=audio, fps=fps, filename_prefix="clip")


@pytest.mark.parametrize("prefix", ["../up", "/tmp/up", "", "a/../../up"])
def test_nothing_is_written_outside_the_output_folder(execute, pack, folders, decoded, prefix):
    samples = set(folders.rglob("*.mp4"))
    with pytest.raises(errors(pack).OutputError, match="output folder"):
        execute("SonicVideoCombine", images=decoded[0], fps=25.0, filename_prefix=prefix)
    assert set(folders.rglob("*.mp4")) == samples


# Generate


def test_generate_makes_what_the_chain_makes(execute, model, picture, sound, decoded):
    node = execute(
        "SonicGenerate",
        model=model,
        image=picture,
        audio=sound,
        seed=7,
        min_resolution=256,
        filename_prefix="one",
        crf=0,
    )
    made = video(node.args[1])
    assert made.frames == FRAMES
    with av.open(node.args[1]) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chain = decoded[0].mul(255).round().numpy()
    assert (
        np.abs(np.stack(frames) - chain).mean() < 2.5
    )  # what 4:2:0 colour costs, 1.6, and PyAV before 17, which rounds more coarsely, 2.3
    assert json.loads(made.tags["settings"])


def test_generate_holds_no_frames(execute, pack, model, picture, sound, monkeypatch):
    """The frames reach the encoder one at a time: none is drawn before the one before it is in the file."""
    drawn, written, ahead = [0], [0], [0]
    pipeline = pack.part("sonic_core.pipeline")
    decode, write = type(model).decode, pipeline.write_video

    def counted(self, *inputs):
        from dataclasses import replace

        frames = decode(self, *inputs)

        def start():
            for frame in frames:
                drawn[0] += 1
                ahead[0] = max(ahead[0], drawn[0] - written[0])
                yield frame

        return replace(frames, start=start)

    def watched(frames, audio, path, encoding, metadata, overwrite, progress, **others):
        def report(stage, done, total, preview=None):
            if stage == "encoding":
                written[0] = done
            progress(stage, done, total, preview)

        return write(frames, audio, path, encoding, metadata, overwrite, report, **others)

    monkeypatch.setattr(type(model), "decode", counted)
    monkeypatch.setattr(pipeline, "write_video", watched)
    execute("SonicGenerate", model=model, image=picture, audio=sound, min_resolution=256)
    assert drawn[0] == FRAMES
    assert ahead[0] == 1


# Cancel


@pytest.mark.parametrize(
    "node", ["SonicPreData", "SonicInference", "SonicLatentDecode", "SonicVideoCombine", "SonicGenerate"]
)
def test_cancel_stops_every_node_and_leaves_no_file(
    execute, folders, model, picture, sound, predata, latent, decoded, node
):
    import comfy.model_management as host

    inputs = {
        "SonicPreData": {"model": model, "image": picture, "audio": sound},
        "SonicInference": {"model": model, "predata": predata},
        "SonicLatentDecode": {"model": model, "predata": predata, "latent": latent},
        "SonicVideoCombine": {"images": decoded[0], "fps": 25.0, "filename_prefix": "clip"},
        "SonicGenerate": {"model": model, "image": picture, "audio": sound, "min_resolution": 256},
    }[node]
    host.interrupt_current_processing()
    with pytest.raises(host.InterruptProcessingException):
        execute(node, **inputs)
    assert not list((folders / "output").rglob("*.*"))
    assert execute(node, **inputs).args


# The model loader, for the engine with checkpoints


def test_the_loader_offers_checkpoints_preset_and_precision_for_sonic(pack, second_models_folder):
    (second_models_folder / "my_unet.safetensors").write_bytes(b"")
    inputs = {item.id: item for item in pack.nodes["SonicModelLoader"].define_schema().inputs}
    assert inputs["engine"].options == ["lite", "sonic"]
    assert inputs["unet"].options == ["auto", "my_unet.safetensors"]
    assert inputs["precision"].options == ["auto", "fp16", "bf16", "fp32"]
    assert "exact" in inputs["preset"].options


def test_missing_checkpoints_are_all_listed_with_their_place(execute, pack, models_folder):
    with pytest.raises(errors(pack).ModelMissingError) as missing:
        execute("SonicModelLoader", engine="sonic", unet="auto", svd="auto", preset="exact", precision="auto")
    message = str(missing.value)
    for file in ("sonic/unet.pth", "sonic/audio2token.pth", "checkpoints/svd_xt.safetensors", "whisper-tiny"):
        assert file in message
    assert str(models_folder) in message


def test_a_chosen_checkpoint_that_is_gone_is_listed_with_the_rest(execute, pack, models_folder):
    with pytest.raises(errors(pack).ModelMissingError) as missing:
        execute("SonicModelLoader", engine="sonic", unet="unet.pth", svd="svd_xt.safetensors")
    for file in ("sonic/unet.pth", "sonic/audio2token.pth", "checkpoints/svd_xt.safetensors"):
        assert file in str(missing.value)


def test_a_chosen_checkpoint_that_is_gone_is_no_obstacle_for_lite(execute, models_folder):
    assert execute("SonicModelLoader", engine="lite", unet="gone.safetensors").args[0].name == "lite"


def test_checkpoints_in_configured_folders_are_found(pack, second_models_folder):
    (second_models_folder / "audio2token.pth").write_bytes(b"")
    (second_models_folder / "other.safetensors").write_bytes(b"")
    options = pack.part("nodes.engine_inputs").chosen_options("sonic", {"unet": "other.safetensors"})
    assert options["chosen"] == {
        "unet": second_models_folder / "other.safetensors",
        "audio2token": second_models_folder / "audio2token.pth",
    }


def test_size_tokens_in_a_name_are_the_files_own_size(execute, model, picture, sound):
    tall = picture[:, :, 40:-40]
    options = {"model": model, "image": tall, "audio": sound, "min_resolution": 256}
    path = execute("SonicGenerate", **options, filename_prefix="sonic/a_%width%x%height%").args[1]
    height, width = first_frame(path).shape
    assert f"a_{width}x{height}_" in path
    assert height > width == 256
