"""`interpolate` and --output-fps: exact lengths, sound copied, tags kept, clear words for what cannot be."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import av
import numpy as np
import pytest
from media_samples import aac_file, audio_packets, chirp, decoded_frames, marked_as_signed, moving_picture, turned

from sonic_core import cli
from sonic_core.between.clip_interpolation import interpolate_clip, interpolator, left_behind
from sonic_core.between.flow_interpolation import flow_between
from sonic_core.errors import ModelMissingError, OutputError, SettingsError
from sonic_core.media.probe import probe
from sonic_core.media.provenance import Provenance
from sonic_core.media.provenance_check import own_tags
from sonic_core.media.writer import write_video


def clip(folder, seconds=1.337):
    sound = chirp(seconds, 44_100, 2)
    sound = replace(sound, source=aac_file(folder / "sound.m4a", sound))
    tags = Provenance(engine="lite", seed=7).tags()
    return write_video(moving_picture(seconds), sound, folder / "clip.mp4", metadata=tags)


@pytest.mark.parametrize("fps", [30, 50, 60, 29.97, 12.5])
def test_a_file_gets_another_rate_and_keeps_sound_and_tags(tmp_path, fps):
    source = clip(tmp_path)
    made = interpolate_clip(source, fps)
    assert made == tmp_path / f"clip_{fps:g}fps.mp4"
    before, after = probe(source), probe(made)
    assert after.frames == round(1.337 * fps)
    assert after.fps == pytest.approx(fps, abs=1e-4)
    assert abs(after.duration - after.audio_duration) <= 0.5 / fps + 1e-3
    assert audio_packets(made) == audio_packets(source)
    assert own_tags(after.metadata) == own_tags(before.metadata)


def test_old_frames_stand_at_their_old_times(tmp_path):
    source = clip(tmp_path)
    before, after = decoded_frames(source), decoded_frames(interpolate_clip(source, 50))
    assert np.abs(after[::2][: len(before)].astype(int) - before[: len(after[::2])]).mean() < 2


def test_a_silent_video_gets_another_rate_too(tmp_path):
    tags = Provenance(engine="lite", seed=7).tags()
    source = write_video(moving_picture(0.4), None, tmp_path / "clip.mp4", metadata=tags)
    video = probe(interpolate_clip(source, 60))
    assert (video.frames, video.fps, video.audio_codec) == (24, 60, None)
    assert own_tags(video.metadata) == tags


def test_a_silent_video_of_a_turned_phone_comes_out_upright(tmp_path):
    source = turned(write_video(moving_picture(0.4, width=96, height=64), None, tmp_path / "phone.mp4"))
    before, after = decoded_frames(source)[0].astype(int), decoded_frames(interpolate_clip(source, 50))[0]
    assert after.shape == (96, 64, 3)
    assert np.abs(after - np.rot90(before, -1)).mean() < np.abs(after - np.rot90(before)).mean()


@pytest.mark.parametrize(
    ("suffix", "sounding", "expected"),
    [(".avi", True, ".mkv"), (".avi", False, ".mkv"), (".mov", False, ".mov"), (".gif", False, ".gif")],
)
def test_a_kind_that_is_not_written_becomes_matroska(tmp_path, suffix, sounding, expected):
    made = write_video(moving_picture(0.4), chirp(0.4) if sounding else None, tmp_path / "made.mp4")
    source = tmp_path / f"clip{suffix}"
    if suffix == ".gif":
        write_video(moving_picture(0.4), None, source)
    else:
        made.rename(source)  # the kind is told by the content, the name of the new file by the suffix
    made = interpolate_clip(source, 50)
    assert made == tmp_path / f"clip_50fps{expected}"
    assert probe(made).frames == 20


def test_sound_is_encoded_as_asked_where_a_copy_would_not_be(tmp_path):
    source = clip(tmp_path)
    assert cli.main(["interpolate", str(source), "--fps", "50", "--audio-codec", "mp3", "--quiet"]) == 0
    assert probe(tmp_path / "clip_50fps.mp4").audio_codec.startswith("mp3")


def test_a_lost_signature_and_further_tracks_are_told(tmp_path, capsys):
    source = marked_as_signed(clip(tmp_path))
    both = tmp_path / "both.mkv"
    with av.open(str(source)) as one, av.open(str(both), "w") as out:
        picture, *sounds = (
            out.add_stream_from_template(s, opaque=True) for s in (one.streams.video[0], *one.streams.audio * 2)
        )
        for packet in one.demux(one.streams.audio[0], one.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture if packet.stream.type == "video" else sounds[0]
                out.mux(packet)
    notes = []
    for path in (source, both):
        assert cli.main(["interpolate", str(path), "--fps", "50", "--json", "--quiet"]) == 0
        notes += json.loads(capsys.readouterr().out.splitlines()[-1])["notes"]
    assert len(notes) == 2
    assert "C2PA signature" in notes[0]
    assert "1 more sound track(s)" in notes[1]


def test_sound_that_is_left_out_is_told(tmp_path):
    source = tmp_path / "long.mkv"
    picture = write_video(moving_picture(0.8), None, tmp_path / "a.mp4")
    sound = aac_file(tmp_path / "sound.m4a", chirp(2.0))
    with av.open(str(picture)) as one, av.open(str(sound)) as two, av.open(str(source), "w") as out:
        streams = (one.streams.video[0], two.streams.audio[0])
        pairs = [(s, out.add_stream_from_template(s, opaque=True)) for s in streams]
        for (stream, target), container in zip(pairs, (one, two), strict=True):
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    out.mux(packet)
    assert probe(interpolate_clip(source, 50)).audio_duration == pytest.approx(0.8, abs=0.03)
    (note,) = left_behind(source)
    assert re.search(r"goes on for 1\.[12]\d s after the picture", note)
    assert left_behind(clip(tmp_path)) == ()


def test_a_device_that_is_not_there_is_wrong_usage(tmp_path):
    from safetensors.torch import save_file

    from sonic_core.between.rife import IFNet

    save_file(IFNet(8).state_dict(), tmp_path / "flownet.safetensors")
    assert interpolator("rife", flownet=tmp_path / "flownet.safetensors")
    with pytest.raises(SettingsError, match="expected cpu, cuda or mps"):
        interpolator("rife", device="abacus", flownet=tmp_path / "flownet.safetensors")


def test_the_folder_in_which_one_stands_is_a_clip_too(tmp_path, monkeypatch):
    folder = write_video(moving_picture(0.2), None, tmp_path / "frames.png")
    monkeypatch.chdir(folder)
    assert cli.main(["interpolate", ".", "--fps", "50", "--quiet"]) == 0
    assert (tmp_path / "frames_50fps.mp4").exists()


def test_a_folder_without_pictures_is_said_plainly(tmp_path):
    with pytest.raises(OutputError, match=r"without a PNG sequence \(000001\.png"):
        interpolate_clip(tmp_path, 50)


def test_a_png_sequence_with_its_sound_becomes_a_video(tmp_path):
    tags = Provenance(engine="lite", seed=7).tags()
    folder = write_video(moving_picture(0.64), chirp(0.63), tmp_path / "clip.png", metadata=tags)
    video = probe(interpolate_clip(folder, 50))
    assert (video.frames, video.fps, video.audio_codec) == (round(0.63 * 50), 50, "aac")
    assert own_tags(video.metadata) == tags


def test_an_existing_file_is_kept(tmp_path):
    source = write_video(moving_picture(0.2), None, tmp_path / "clip.mp4")
    names = [interpolate_clip(source, 50).name for _ in range(2)]
    assert names == ["clip_50fps.mp4", "clip_50fps_1.mp4"]


def test_rife_without_weights_says_which_file_goes_where(tmp_path):
    assert interpolator("auto", [tmp_path]) is flow_between
    with pytest.raises(ModelMissingError, match=r"flownet\.pkl"):
        interpolator("rife", [tmp_path])
    with pytest.raises(SettingsError, match="auto, rife, flow"):
        interpolator("magic")


def test_no_video_is_said_plainly(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(OutputError):
        interpolate_clip(tmp_path / "clip.mp4", 50)


def test_the_command_tells_what_it_made(tmp_path, capsys):
    assert cli.main(["interpolate", str(clip(tmp_path)), "--fps", "50", "--json", "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["frames"], report["fps"]) == (round(1.337 * 50), 50)


@pytest.mark.parametrize("fps", ["0", "-5", "1000", "nan"])
def test_a_rate_out_of_range_is_wrong_usage(tmp_path, capsys, fps):
    assert cli.main(["interpolate", str(clip(tmp_path)), f"--fps={fps}", "--quiet"]) == 2
    assert cli.main(["demo", f"--output-fps={fps}", "--output", str(tmp_path / "a.mp4"), "--quiet"]) == 2
    assert "expected 1 to 240" in capsys.readouterr().err


@pytest.mark.parametrize("fps", [50, 29.97])
def test_generate_at_another_rate_ends_with_the_sound(tmp_path, fps):
    common = ["demo", "--min-resolution", "256", "--duration", "0.63", "--length-policy", "trim", "--quiet"]
    assert cli.main([*common, "--output-fps", str(fps), "--output", str(tmp_path / "a.mp4")]) == 0
    video = probe(tmp_path / "a.mp4")
    assert video.frames == round(0.63 * fps)
    assert abs(video.duration - video.audio_duration) <= 0.5 / fps + 1e-3
    assert json.loads(video.metadata["settings"])["output_fps"] == fps


@pytest.mark.parametrize(("even", "size"), [("crop", (96, 64)), ("pad", (98, 66))])
def test_odd_sides_are_cropped_or_padded_as_asked(tmp_path, even, size):
    folder = write_video(moving_picture(0.2, width=97, height=65), None, tmp_path / "odd.png")
    output = tmp_path / "a.mp4"
    assert (
        cli.main(["interpolate", str(folder), "--fps", "25", "--even-sides", even, "--output", str(output), "--quiet"])
        == 0
    )
    assert (probe(output).width, probe(output).height) == size


def test_the_lite_engine_draws_every_moment_itself():
    from sonic_core.engines.base import Latents
    from sonic_core.engines.lite.engine import LiteEngine

    class Still:
        """No motion of its own: `at_rate` needs none."""

    import torch

    track = torch.arange(20, dtype=torch.float32)[:, None].repeat(1, 3)
    latents = LiteEngine(motion=Still()).at_rate(Latents(track, 25.0, "lite"), 60.0, 48)
    expected = np.minimum(np.arange(48) * 25 / 60, 19)
    np.testing.assert_allclose(latents.samples[:, 0], expected, atol=1e-5)
    assert latents.fps == 60
