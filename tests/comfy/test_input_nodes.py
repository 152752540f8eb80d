"""The nodes that read and prepare, at work on the bundled picture and recording."""

import re
import shutil
from collections import UserDict
from pathlib import PureWindowsPath

import numpy as np
import pytest
import torch
from node_results import FRAMES, RATE, STATUE, errors
from pack_loading import SAMPLES
from PIL import Image

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


# Recordings


def test_each_line_and_each_file_that_a_star_finds_is_a_recording_with_a_name(execute, folders):
    (folders / "input" / "script").mkdir()
    for name in ("10.wav", "2.wav", "notes.txt"):
        shutil.copy(SAMPLES / "speech.wav", folders / "input" / "script" / name)
    clips, names = execute("SonicRecordings", files="speech.wav\n\n script/*  \nsonic_sample_line_1.mp3").args
    assert names == ["sonic/speech", "sonic/2", "sonic/10", "sonic/sonic_sample_line_1"]
    assert [round(clip["waveform"].shape[-1] / clip["sample_rate"], 1) for clip in clips] == [5.3, 5.3, 5.3, 1.9]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (" \n", "files is empty"),
        ("speech.wav\ngone.wav", "gone.wav is not in"),
        ("*.ogg", "matches no recording"),
        ("../*", "matches no recording"),
        ("/etc/*", "matches no recording"),
        ("../../etc/passwd", "lies outside|is not in"),
        ("a**b.wav", "matches no recording"),
        (f"{'gone' * 100}/*.wav", "matches no recording"),
        ("What she says, not where it lies. " * 20, "is not in"),
        ("speech\0.wav", "is not in"),
    ],
)
def test_lines_without_a_recording_are_told_before_anything_runs(pack, folders, files, told):
    assert re.search(told, pack.nodes["SonicRecordings"].validate_inputs(files))


def test_a_link_that_leads_out_of_the_folder_is_told_before_anything_runs(pack, folders):
    secret = shutil.copy(SAMPLES / "speech.wav", folders / "secret.wav")
    (folders / "input" / "linked.wav").symlink_to(secret)
    for files in ("linked.wav", "l*.wav"):
        assert "lies outside" in pack.nodes["SonicRecordings"].validate_inputs(files)


def test_in_a_name_with_a_star_everything_else_stands_for_itself(execute, folders):
    for name in ("[1] what?.wav", "1 what2.wav"):
        shutil.copy(SAMPLES / "speech.wav", folders / "input" / name)
    assert execute("SonicRecordings", files="[1] *.wav").args[1] == ["sonic/[1] what?"]
    assert execute("SonicRecordings", files="*what?.wav").args[1] == ["sonic/[1] what?"]


@pytest.mark.parametrize("pattern", ["C:*.wav", "C:\\*.wav", "\\*.wav", "\\\\host\\share\\*.wav", "a\\..\\..\\*.wav"])
def test_windows_ways_out_of_the_folder_are_known(pack, pattern):
    assert pack.part("nodes.star_names").leads_out(PureWindowsPath(pattern))


def test_cancel_ends_the_loading_of_many(execute, pack, folders, monkeypatch):
    import comfy.model_management as management

    class StoppedError(Exception):
        pass

    loaded, recordings = [], pack.part("nodes.recordings")
    monkeypatch.setattr(
        recordings, "load_audio", lambda path, own=recordings.load_audio: loaded.append(path) or own(path)
    )

    def check():
        if loaded:
            raise StoppedError

    monkeypatch.setattr(management, "throw_exception_if_processing_interrupted", check)
    with pytest.raises(StoppedError):
        execute("SonicRecordings", files="speech.wav\nspeech.wav")
    assert len(loaded) == 1


def test_another_file_behind_a_star_is_noticed(pack, folders):
    node = pack.nodes["SonicRecordings"]
    before = node.fingerprint_inputs("*.wav")
    assert node.fingerprint_inputs("*.wav") == before
    shutil.copy(SAMPLES / "speech.wav", folders / "input" / "more.wav")
    assert node.fingerprint_inputs("*.wav") != before
