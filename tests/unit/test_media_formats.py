"""Every kind of file that the writer makes: colours, lengths, tags, sound; and what it does when an encoder is missing."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import chirp, decoded_frames, decoded_samples, flat, moving_picture
from PIL import Image

from sonic_core.errors import DurationMismatchError, OutputError, SettingsError
from sonic_core.media import encoders
from sonic_core.media.encoders import ENCODERS, Encoder
from sonic_core.media.lengths import match_lengths
from sonic_core.media.probe import probe
from sonic_core.media.provenance import Provenance
from sonic_core.media.provenance_check import check_provenance, own_tags
from sonic_core.media.writer import Encoding, check_output, write_video

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (224, 172, 138)]
VIDEOS = [("a.mp4", "h264"), ("a.mp4", "hevc"), ("a.mp4", "av1"), ("a.webm", "vp9"), ("a.webm", "av1")]
HALF_A_FRAME = 0.5 / 25


def built(codec: str) -> bool:
    return any(encoder.name in av.codecs_available for encoder in ENCODERS[codec] if not encoder.hardware)


def encoding(codec: str, **others) -> Encoding:
    if not built(codec):
        pytest.skip(f"this build of PyAV has no encoder for {codec}")
    return Encoding(codec=codec, **others)


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_colours_survive_the_round_trip_in_every_codec(tmp_path, name, codec):
    for colour in COLOURS:
        path = write_video(flat(colour), None, tmp_path / name, encoding(codec), overwrite=True)
        assert np.abs(decoded_frames(path).astype(int) - colour).max() <= 2, colour


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_every_codec_is_tagged_and_ends_with_the_sound(tmp_path, name, codec):
    choice = encoding(codec)
    path = write_video(moving_picture(1.337), chirp(1.337, 44_100, 2), tmp_path / name, choice)
    video = probe(path)
    tags = (video.colour_space, video.colour_primaries, video.colour_transfer, video.colour_range)
    assert tags == ("bt709", "bt709", "bt709", "limited")
    assert (video.frames, video.pixel_format) == (33, "yuv420p")
    # In a WebM what is heard: FFmpeg before 8.1 reads the last Opus packet's length in full, and decodes what belongs to it.
    heard = decoded_samples(path).shape[1] / video.sample_rate if name == "a.webm" else video.audio_duration
    assert abs(video.duration - heard) <= HALF_A_FRAME


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how a thread is scheduled")
@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_no_encoder_makes_real_time_threads(tmp_path, name, codec):
    """SVT-AV1 does, as root: everything that is begun later would inherit it."""
    before, during = os.sched_getscheduler(0), set()

    def watched():
        for frame in moving_picture(0.4):
            yield frame
            during.update(os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir())

    frames = moving_picture(0.4)
    write_video(replace(frames, start=watched), None, tmp_path / name, encoding(codec))
    assert os.sched_getscheduler(0) == before
    assert during == {before}


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_every_codec_looks_like_the_frames(tmp_path, name, codec):
    frames = moving_picture(0.4, width=256, height=256)
    video = decoded_frames(write_video(frames, None, tmp_path / name, encoding(codec)))
    assert len(video) == len(frames)
    error = np.mean([(a.astype(float) - b) ** 2 for a, b in zip(frames, video, strict=True)])
    assert 10 * np.log10(255**2 / error) > 38


def test_hevc_bears_the_tag_that_apple_players_ask_for(tmp_path):
    content = write_video(moving_picture(0.2), None, tmp_path / "a.mp4", encoding("hevc")).read_bytes()
    assert b"hvc1" in content
    assert b"hev1" not in content


@pytest.mark.parametrize(("name", "sound", "coded"), [("a.mp4", "mp3", "mp3float"), ("a.webm", "opus", "opus")])
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_sound_codecs_keep_length_and_place(tmp_path, name, sound, coded, rate):
    clip = chirp(1.0, rate)
    path = write_video(moving_picture(1.0), clip, tmp_path / name, Encoding(audio_codec=sound))
    video = probe(path)
    assert video.audio_codec in (coded, sound, f"lib{sound}")
    assert abs(video.audio_duration - 1.0) <= HALF_A_FRAME
    heard = decoded_samples(path)[0]
    times = np.arange(round(0.9 * video.sample_rate)) / video.sample_rate
    expected = np.interp(times, np.arange(rate) / rate, clip.samples[0])
    lag = np.correlate(heard[: len(expected)], expected, mode="full").argmax() - (len(expected) - 1)
    assert abs(lag) / video.sample_rate < 0.005


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.png"])
def test_provenance_is_in_every_kind_of_file(tmp_path, name):
    made = Provenance("示例公司", "lite", (), 7, {"framing": "full"}, "a" * 64, "b" * 64)
    video = probe(write_video(moving_picture(0.4), chirp(0.4), tmp_path / name, metadata=made.tags()))
    assert own_tags(video.metadata) == made.tags()
    assert all(check.holds for check in check_provenance(video, ["a" * 64], ["b" * 64]))


def test_gif_shows_the_frames_at_their_rate_and_says_that_it_is_silent(tmp_path, caplog):
    frames = moving_picture(0.4, width=128, height=96)
    path = write_video(frames, chirp(0.4), tmp_path / "a.gif")
    assert (probe(path).frames, probe(path).duration) == (10, pytest.approx(0.4))
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.info["duration"], picture.info["loop"]) == (10, 40, 0)
        for i, frame in enumerate(frames):
            picture.seek(i)
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - frame).mean() < 8
    assert "no sound" in caplog.text


def test_png_sequence_keeps_every_bit_and_the_sound(tmp_path):
    frames, clip = moving_picture(0.4, fps=12.5), chirp(0.4, 44_100, 2)
    folder = write_video(frames, clip, tmp_path / "会说话的 肖像.png")
    assert folder == tmp_path / "会说话的 肖像"
    stored = [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]
    np.testing.assert_array_equal(np.stack(stored), np.stack(list(frames)))
    np.testing.assert_array_equal(decoded_samples(folder / "sound.wav").reshape(-1, 2).T, clip.samples)
    video = probe(folder)
    assert (video.frames, video.fps, video.sample_rate) == (5, 12.5, 44_100)


def test_png_sequence_takes_a_numbered_name_and_leaves_nothing_when_stopped(tmp_path):
    def stop(stage, done, total, preview=None):
        raise KeyboardInterrupt

    paths = [write_video(flat((1, 2, 3)), None, tmp_path / "a.png") for _ in range(2)]
    assert [path.name for path in paths] == ["a", "a_1"]
    with pytest.raises(KeyboardInterrupt):
        write_video(flat((1, 2, 3)), None, tmp_path / "b.png", progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a_1"]


@pytest.mark.parametrize(("policy", "frames", "seconds"), [("trim", 10, 0.4), ("pad", 25, 1.0)])
@pytest.mark.parametrize("longer", ["sound", "picture"])
def test_lengths_are_matched_as_asked(tmp_path, policy, frames, seconds, longer):
    picture, sound = (0.4, 1.0) if longer == "sound" else (1.0, 0.4)
    path = write_video(moving_picture(picture), chirp(sound), tmp_path / "a.mp4", Encoding(length=policy))
    video = probe(path)
    assert video.frames == frames
    assert abs(video.audio_duration - seconds) < 0.002


def test_padding_holds_the_last_frame():
    frames, _ = match_lengths(moving_picture(0.4), chirp(1.0), "pad")
    held = list(frames)
    assert len(held) == 25
    assert all((frame == held[9]).all() for frame in held[9:])


def test_strict_lengths_name_both_and_what_to_do(tmp_path):
    with pytest.raises(DurationMismatchError, match=r"0\.400 s .* 1\.000 s.*'trim' or 'pad'"):
        write_video(moving_picture(0.4), chirp(1.0), tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "choice"),
    [("a.webm", Encoding(codec="h264")), ("a.webm", Encoding(audio_codec="aac")), ("a.mp4", Encoding(codec="vp9"))],
)
def test_what_a_container_cannot_carry_is_refused_in_words(tmp_path, name, choice):
    with pytest.raises(OutputError, match="does not carry"):
        write_video(flat((1, 2, 3)), None, tmp_path / name, choice)
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_missing_is_noted_and_the_cpu_takes_over(tmp_path, caplog, monkeypatch):
    broken = Encoder("h264_nvenc_of_nobody", lambda _: {}, hardware=True)
    monkeypatch.setitem(encoders.ENCODERS, "h264", (broken, *ENCODERS["h264"][1:]))
    with caplog.at_level(logging.WARNING):
        video = probe(write_video(flat((1, 2, 3)), None, tmp_path / "a.mp4", Encoding(hardware=True)))
    assert video.video_codec == "h264"
    assert "encoded on the CPU" in caplog.text


def test_hardware_encoding_gives_the_same_kind_of_file_with_or_without_a_gpu(tmp_path):
    path = write_video(moving_picture(0.4, width=256, height=256), None, tmp_path / "a.mp4", Encoding(hardware=True))
    video = probe(path)
    assert (video.video_codec, video.frames, video.colour_space) == ("h264", 10, "bt709")


def test_a_build_without_the_codec_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(encoders.ENCODERS, "av1", (Encoder("libnobody", lambda _: {}),))
    with pytest.raises(OutputError, match="no encoder for av1"):
        write_video(flat((1, 2, 3)), None, tmp_path / "a.mp4", Encoding(codec="av1"))


@pytest.mark.parametrize("wrong", [{"codec": "x"}, {"audio_codec": "x"}, {"length": "x"}])
def test_wrong_choices_are_refused(wrong):
    with pytest.raises(SettingsError):
        Encoding(**wrong)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".png"])
def test_check_output_leaves_nothing(tmp_path, suffix):
    check_output(tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_finish_sees_the_whole_file_before_it_has_its_name(tmp_path):
    seen = []

    def finish(path):
        seen.append((path.name, probe(path).frames, (tmp_path / "a.mp4").exists()))

    write_video(moving_picture(0.4), None, tmp_path / "a.mp4", finish=finish)
    assert seen[0][1:] == (10, False)
    assert seen[0][0] != "a.mp4"


def test_a_gif_whose_comment_is_deeply_nested_json_has_no_tags(tmp_path):
    from sonic_core.media.gif import COMMENT, _blocks, read_comment

    path = tmp_path / "deep.gif"
    path.write_bytes(b"GIF89a" + COMMENT + _blocks(b"[" * 100_000))
    assert read_comment(path) == {}
