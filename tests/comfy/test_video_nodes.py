"""Nodes that make files and frame rates: every kind of file with something to play, provenance as far as it is known."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

FRAMES = 50  # two seconds at 25 fps, as in conftest


def module(pack, name):
    return pack.part(f"sonic_core.{name}")


def tags(pack, path):
    return module(pack, "media.provenance_check").own_tags(module(pack, "media.probe").probe(path).metadata)


def combine(execute, decoded, **options):
    images, fps, audio = decoded
    return execute("SonicVideoCombine", images=images, audio=audio, fps=fps, filename_prefix="sonic/clip", **options)


# Kinds of file


@pytest.mark.parametrize(
    ("options", "name", "codec"),
    [
        ({"file_format": "mp4"}, "clip_00001_.mp4", "h264"),
        ({"file_format": "mp4", "codec": "hevc"}, "clip_00001_.mp4", "hevc"),
        ({"file_format": "webm"}, "clip_00001_.webm", "vp9"),
        ({"file_format": "gif"}, "clip_00001_.gif", "gif"),
        ({"file_format": "png"}, "clip_00001_", "png"),
    ],
)
def test_every_kind_of_file_is_written_and_something_plays_on_the_node(
    execute, pack, folders, decoded, options, name, codec
):
    node = combine(execute, decoded, **options)
    path = Path(node.args[1])
    assert path == folders / "output" / "sonic" / name
    probe = module(pack, "media.probe").probe
    assert (probe(path).video_codec.removeprefix("lib"), probe(path).frames) in ((codec, FRAMES), ("vpx-vp9", FRAMES))
    (shown,) = node.ui["images"]
    played = probe(folders / shown["type"] / shown["subfolder"] / shown["filename"])
    assert played.video_codec in ("h264", "vp9", "libvpx-vp9")
    made = module(pack, "media.provenance_check").own_tags(played.metadata)
    assert {"ai_generated", "AIGC", "digital_source_type", "audio_sha256"} <= set(made)
    assert abs(played.duration - 2) < 0.05
    if options["file_format"] != "gif":
        assert abs(played.audio_duration - 2) < 0.05
    assert node.ui["animated"] == (True,)
    if path.is_file():
        assert node.ui["file"] == [{"filename": name, "subfolder": "sonic", "type": "output"}]


def test_a_browser_plays_the_file_itself_wherever_it_can(execute, folders, decoded):
    node = combine(execute, decoded)
    assert node.ui["images"] == node.ui["file"]
    assert not list((folders / "temp").glob("*.mp4"))


def test_a_copy_that_cannot_be_made_does_not_cost_the_finished_file(execute, folders, decoded, caplog):
    (folders / "temp").rmdir()
    (folders / "temp").write_text("no folder")
    node = combine(execute, decoded, file_format="gif")
    assert Path(node.args[1]).read_bytes()[:6] == b"GIF89a"
    assert node.ui["images"] == node.ui["file"]
    assert "no copy of it to play" in caplog.text


@pytest.mark.parametrize(("even", "size"), [("crop", (64, 48)), ("pad", (66, 50))])
def test_odd_sides_are_cropped_or_padded_as_asked(execute, pack, folders, even, size):
    images = torch.rand(3, 49, 65, 3, generator=torch.Generator().manual_seed(0))
    path = execute("SonicVideoCombine", images=images, fps=25.0, filename_prefix="a", even_sides=even).args[1]
    video = module(pack, "media.probe").probe(path)
    assert (video.width, video.height) == size


def test_sound_codec_and_gpu_can_be_chosen(execute, pack, decoded):
    path = combine(execute, decoded, audio_codec="mp3", hardware=True).args[1]
    video = module(pack, "media.probe").probe(path)
    assert (video.video_codec, video.audio_codec) in (("h264", "mp3"), ("h264", "mp3float"))


def test_what_a_container_does_not_carry_is_said_in_words(execute, pack, folders, decoded):
    with pytest.raises(module(pack, "errors").OutputError, match="does not carry"):
        combine(execute, decoded, file_format="webm", codec="h264")
    assert not list((folders / "output").rglob("*.*"))


def test_generate_writes_other_kinds_of_file_too(execute, pack, folders, model, picture, sound):
    options = {"model": model, "image": picture, "audio": sound, "min_resolution": 256, "file_format": "png"}
    node = execute("SonicGenerate", **options, filename_prefix="frames")
    assert len(list(Path(node.args[1]).glob("*.png"))) == FRAMES
    assert node.ui["images"][0]["type"] == "temp"


# Provenance


def test_with_predata_and_latent_the_file_tells_what_generate_tells(execute, pack, decoded, clip):
    chain = combine(execute, decoded, predata=clip.predata, latent=clip.latent).args[1]
    options = {"model": clip.model, "image": clip.picture, "audio": clip.sound, "seed": 7, "min_resolution": 256}
    whole = execute("SonicGenerate", **options, filename_prefix="whole").args[1]
    assert tags(pack, chain) == tags(pack, whole)
    assert tags(pack, chain)["seed"] == "7"


def test_the_recording_is_named_as_it_was_given_and_not_as_it_was_cut(execute, pack, folders, model, picture, sound):
    settings = {"duration": 1.0, "length_policy": "trim", "min_resolution": 256}
    data = execute("SonicPreData", model=model, image=picture, audio=sound, **settings).args[0]
    latent = execute("SonicInference", model=model, predata=data).args[0]
    images, fps, audio = execute("SonicLatentDecode", model=model, predata=data, latent=latent).args[:3]
    assert audio["waveform"].shape[-1] < sound["waveform"].shape[-1]
    path = combine(execute, (images, fps, audio), predata=data, latent=latent).args[1]
    given = module(pack, "media.provenance").audio_digest(pack.part("nodes.convert").clip_from_audio(sound))
    assert tags(pack, path)["audio_sha256"] == given


def test_predata_alone_tells_no_seed_and_no_setting_of_the_inference(execute, pack, decoded, clip):
    told = tags(pack, combine(execute, decoded, predata=clip.predata).args[1])
    assert {"engine", "models", "image_sha256", "audio_sha256"} <= set(told)
    assert "seed" not in told
    assert set(json.loads(told["settings"])) == {
        *pack.part("nodes.setting_inputs").PREPARE,
        *pack.part("nodes.setting_inputs").LATER_PREPARE,
    }


def test_latent_alone_tells_seed_and_settings_and_no_picture(execute, pack, decoded, clip):
    told = tags(pack, combine(execute, decoded, latent=clip.latent).args[1])
    assert (told["engine"], told["seed"]) == ("lite", "7")
    assert "image_sha256" not in told


def test_without_either_only_what_is_known_is_told(execute, pack, decoded):
    told = tags(pack, combine(execute, decoded).args[1])
    assert not {"engine", "models", "seed", "settings", "image_sha256"} & set(told)
    assert {"generator", "ai_generated", "AIGC", "digital_source_type", "audio_sha256"} <= set(told)


def test_predata_and_latent_of_different_engines_are_refused(execute, pack, decoded, clip):
    with pytest.raises(module(pack, "errors").SettingsError, match=r"'lite'.*'sonic'"):
        combine(execute, decoded, predata=clip.predata, latent={**clip.latent, "engine": "sonic"})


# Frame Interpolate


@pytest.mark.parametrize("fps", [30.0, 50.0, 60.0, 29.97, 12.5])
def test_interpolated_frames_end_with_the_sound(execute, pack, decoded, fps):
    images, rate, audio = decoded
    made, new_rate = execute("SonicFrameInterpolate", images=images, fps=rate, output_fps=fps, audio=audio).args
    assert (len(made), new_rate) == (round(2 * fps), fps)
    assert made.shape[1:] == images.shape[1:]
    video = module(pack, "media.probe").probe(combine(execute, (made, new_rate, audio)).args[1])
    assert abs(video.duration - video.audio_duration) <= 0.5 / fps + 1e-3


def test_interpolation_keeps_the_old_frames_and_moves_between_them(execute, decoded):
    images, fps, _ = decoded
    made = execute("SonicFrameInterpolate", images=images[:6], fps=fps, output_fps=50.0).args[0]
    assert torch.allclose(made[::2], images[:6].mul(255).round().div(255), atol=1e-6)
    between, before, after = (frames.numpy() for frames in (made[1:9:2], images[:4], images[1:5]))
    assert np.abs(between - (before + after) / 2).mean() < np.abs(after - before).mean()


def test_the_same_rate_gives_the_same_images(execute, decoded):
    images, fps, _ = decoded
    assert execute("SonicFrameInterpolate", images=images, fps=fps, output_fps=fps).args[0] is images


def test_rife_is_used_where_its_weights_lie_in_the_models_folder(execute, pack, models_folder, decoded):
    from safetensors.torch import save_file

    images = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0)) * 0.1 + decoded[0][:2, :64, :64]
    by_flow = execute("SonicFrameInterpolate", images=images, fps=25.0, output_fps=50.0).args[0]
    with pytest.raises(module(pack, "errors").ModelMissingError, match=r"flownet\.pkl"):
        execute("SonicFrameInterpolate", images=images, fps=25.0, output_fps=50.0, method="rife")
    torch.manual_seed(0)
    (models_folder / "sonic" / "RIFE").mkdir(parents=True)
    net = module(pack, "between.rife").IFNet(8)
    save_file(net.state_dict(), models_folder / "sonic" / "RIFE" / "flownet.safetensors")
    by_rife = execute("SonicFrameInterpolate", images=images, fps=25.0, output_fps=50.0).args[0]
    assert not torch.equal(by_flow[1], by_rife[1])
    assert torch.equal(by_flow[0], by_rife[0])


@pytest.mark.parametrize("registered", ["models", "elsewhere"])
def test_node_and_engine_find_rife_in_the_folder_that_networks_share(pack, models_folder, monkeypatch, registered):
    import folder_paths
    from safetensors.torch import save_file

    shared = models_folder.with_name(registered) / "frame_interpolation"
    shared.mkdir(parents=True)
    if registered == "elsewhere":
        places = ([str(shared)], {".safetensors"})
        monkeypatch.setitem(folder_paths.folder_names_and_paths, "frame_interpolation", places)
    save_file({"block0.conv0.0.weight": torch.zeros(96, 7, 3, 3)}, shared / "another_rife.safetensors")
    declaration = pack.part("sonic_core.engines.registry").declaration("sonic")
    found = pack.part("nodes.engine_inputs").chosen_options
    located = pack.part("sonic_core.models.locate").locate

    def of_engine():
        options = found("sonic", {})
        return located(declaration.weights, options["folders"], options["chosen"])[0].get("flownet")

    named = pack.part("nodes.interpolation_inputs").interpolator_named
    assert of_engine() is None
    with pytest.raises(module(pack, "errors").ModelMissingError, match=r"another_rife\.safetensors"):
        named("rife")
    save_file(module(pack, "between.rife").IFNet(8).state_dict(), shared / "rife_hd.safetensors")
    assert of_engine() == shared / "rife_hd.safetensors"
    assert callable(named("rife"))


def test_generate_draws_at_the_rate_that_is_asked_for(execute, pack, model, picture, sound):
    options = {"model": model, "image": picture, "audio": sound, "min_resolution": 256, "output_fps": 60.0}
    video = module(pack, "media.probe").probe(execute("SonicGenerate", **options).args[1])
    assert (video.frames, video.fps) == (120, 60)


def test_an_engine_that_draws_any_moment_does_not_load_rife(execute, models_folder, model, picture, sound):
    (models_folder / "sonic" / "RIFE").mkdir(parents=True)
    (models_folder / "sonic" / "RIFE" / "flownet.pkl").write_text("no network")
    options = {"model": model, "image": picture, "audio": sound, "min_resolution": 256, "output_fps": 50.0}
    assert Path(execute("SonicGenerate", **options).args[1]).exists()


def test_interpolation_stops_when_asked_to(execute, decoded):
    import comfy.model_management as host

    host.interrupt_current_processing()
    with pytest.raises(host.InterruptProcessingException):
        execute("SonicFrameInterpolate", images=decoded[0], fps=25.0, output_fps=50.0)
