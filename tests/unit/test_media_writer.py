"""The mp4 writer: what goes in comes out, in step, in the right colours, a frame at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import weakref
from dataclasses import replace

import numpy as np
import pytest
from media_samples import aac_file, audio_packets, chirp, decoded_frames, decoded_samples, flat, moving_picture

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.frames import FrameStream
from sonic_core.media.probe import probe
from sonic_core.media.writer import Encoding, write_video
from sonic_core.samples import SPEECH

HALF_A_FRAME = 0.5 / 25
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (224, 172, 138)]
SOUNDS = [
    (44_100, 2),
    (48_000, 2),
    (8_000, 1),
    (22_050, 1),
    (16_000, 1),
    (44_100, 6),
    (37_800, 1),
    (192_000, 2),
    (11_025, 7),
]


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_survive_the_round_trip(tmp_path, colour):
    path = write_video(flat(colour), None, tmp_path / "a.mp4")
    assert np.abs(decoded_frames(path).astype(int) - colour).max() <= 2


def test_matrix_is_bt709(tmp_path):
    path = write_video(flat((255, 0, 0)), None, tmp_path / "a.mp4", Encoding(crf=1))
    import av

    with av.open(str(path)) as container:
        planes = next(container.decode(video=0)).to_ndarray()
    # Pure red: Y = 16 + 219 * 0.2126 in BT.709 (BT.601: 81), Cr = 240.
    assert abs(int(planes[0, 0]) - 63) <= 1
    assert abs(int(planes[-1, 0]) - 240) <= 1


def test_file_is_tagged_bt709_limited_range(tmp_path):
    video = probe(write_video(flat((9, 9, 9)), None, tmp_path / "a.mp4"))
    tags = (video.colour_space, video.colour_primaries, video.colour_transfer, video.colour_range)
    assert tags == ("bt709", "bt709", "bt709", "limited")


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
def test_ffprobe_sees_the_colour_tags(tmp_path):
    path = write_video(flat((9, 9, 9)), None, tmp_path / "a.mp4")
    listing = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, check=True
    )
    stream = json.loads(listing.stdout)["streams"][0]
    assert [stream[k] for k in ("color_space", "color_primaries", "color_transfer", "color_range", "pix_fmt")] == [
        "bt709",
        "bt709",
        "bt709",
        "tv",
        "yuv420p",
    ]


@pytest.mark.parametrize(("rate", "channels"), SOUNDS)
def test_video_ends_with_the_audio(tmp_path, rate, channels):
    video = probe(write_video(moving_picture(3.337), chirp(3.337, rate, channels), tmp_path / "a.mp4"))
    assert video.frames == round(3.337 * 25)
    assert video.audio_start == 0
    assert abs(video.duration - video.audio_duration) <= HALF_A_FRAME
    assert video.audio_duration == pytest.approx(3.337, abs=1e-3)


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("fps", [25, 29.97, 60])
def test_picture_and_sound_end_together_at_any_length_and_rate(tmp_path, fps, copied):
    random = np.random.default_rng(round(fps * 1000))
    for seconds in random.uniform(0.2, 3.0, 20):
        clip = chirp(seconds, int(random.choice([16_000, 22_050, 44_100, 48_000])), 2)
        if copied:
            clip = replace(clip, source=aac_file(tmp_path / "source.m4a", clip))
        frames = moving_picture(clip.frame_count(fps) / fps, fps, 32, 32)
        path = write_video(frames, clip, tmp_path / "a.mp4", overwrite=True)
        video = probe(path)
        assert video.frames == round(clip.duration * fps)
        # 1 ms: FFmpeg before 8 reads the sound's end as an mp4's edit list names it, in whole milliseconds.
        assert abs(video.duration - video.audio_duration) <= 0.5 / fps + 1e-3, (seconds, clip.rate)
        heard = decoded_samples(path).shape[1] / clip.rate
        assert abs(heard - video.duration) <= 0.5 / fps + 1024 / clip.rate, (
            seconds,
            clip.rate,
        )  # players hide what pads the last frame
        if copied:
            assert audio_packets(path) == audio_packets(clip.source)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 2), (22_050, 1), (8_000, 1)])
def test_sound_keeps_its_rate_and_its_place_to_the_sample(tmp_path, rate, channels):
    clip = chirp(1.0, rate, channels)
    path = write_video(moving_picture(1.0), clip, tmp_path / "a.mp4")
    heard = decoded_samples(path)
    assert probe(path).sample_rate == rate
    assert len(heard) == channels
    for original, copy in zip(clip.samples, heard, strict=True):
        copy = copy[: len(original)]
        lags = np.correlate(copy, original, mode="full").argmax() - (len(original) - 1)
        assert lags == 0
        assert np.corrcoef(original, copy)[0, 1] > 0.99


def test_speech_at_the_usual_bitrate_has_little_noise(tmp_path):
    recording = load_audio(SPEECH)
    clip = AudioClip(recording.mono()[None, : 2 * recording.rate], recording.rate)
    heard = decoded_samples(write_video(moving_picture(2.0), clip, tmp_path / "a.mp4"))[0]
    noise = heard[: clip.samples.shape[1]] - clip.samples[0]
    assert 20 * np.log10(noise.std() / clip.samples.std()) < -43  # -43.6; -42.4 with the usual coder


@pytest.mark.parametrize("suffix", [".m4a", ".mp4", ".mov"])
def test_aac_of_the_source_is_copied_untouched(tmp_path, suffix):
    clip = chirp(3.337, 44_100, 2)
    source = aac_file(tmp_path / f"source{suffix}", clip)
    path = write_video(moving_picture(3.337), replace(clip, source=source), tmp_path / "a.mp4")
    assert audio_packets(path) == audio_packets(source)
    np.testing.assert_array_equal(decoded_samples(path), decoded_samples(source))
    assert abs(probe(path).duration - probe(path).audio_duration) <= HALF_A_FRAME


@pytest.mark.parametrize("suffix", [".aac", ".mkv"])
def test_aac_that_an_mp4_cannot_carry_as_it_is_gets_encoded(tmp_path, suffix):
    clip = chirp(1.0, 44_100, 2)
    source = aac_file(tmp_path / f"source{suffix}", clip)
    path = write_video(moving_picture(1.0), replace(clip, source=source), tmp_path / "a.mp4")
    assert probe(path).audio_duration == pytest.approx(1.0, abs=1e-3)


def test_source_of_another_length_is_not_copied(tmp_path):
    source = aac_file(tmp_path / "source.m4a", chirp(2.0, 44_100, 1))
    path = write_video(moving_picture(1.0), replace(chirp(1.0, 44_100, 1), source=source), tmp_path / "a.mp4")
    assert probe(path).audio_duration == pytest.approx(1.0, abs=1e-3)


def test_source_that_has_gone_is_encoded_from_the_samples(tmp_path):
    clip = replace(chirp(1.0), source=tmp_path / "gone.m4a")
    assert probe(write_video(moving_picture(1.0), clip, tmp_path / "a.mp4")).audio_codec == "aac"


@pytest.mark.parametrize("fps", [25, 12.5, 24, 23.976, 29.97, 30, 60])
def test_every_rate_keeps_its_frames(tmp_path, fps):
    frames = moving_picture(2.0, fps)
    video = probe(write_video(frames, None, tmp_path / "a.mp4"))
    assert video.frames == len(frames)
    assert video.duration == pytest.approx(frames.duration, abs=1e-3)


@pytest.mark.parametrize(("even", "size"), [("crop", (96, 64)), ("pad", (98, 66))])
def test_odd_sides_become_even(tmp_path, even, size):
    frames = moving_picture(0.2, width=97, height=65)
    path = write_video(frames, None, tmp_path / "a.mp4", Encoding(even=even, crf=10))
    video = decoded_frames(path)
    assert (video.shape[2], video.shape[1]) == size
    original = next(iter(frames)).astype(int)
    assert np.abs(video[0, :64, :96].astype(int) - original[:64, :96]).mean() < 3
    if even == "pad":
        assert np.abs(video[0, -1, :97].astype(int) - original[-1]).mean() < 6


def test_picture_looks_like_the_frames(tmp_path):
    frames = moving_picture(0.4, width=256, height=256)
    video = decoded_frames(write_video(frames, None, tmp_path / "a.mp4"))
    error = np.mean([(a.astype(float) - b) ** 2 for a, b in zip(frames, video, strict=True)])
    assert 10 * np.log10(255**2 / error) > 38


def test_index_stands_first_so_that_playing_starts_at_once(tmp_path):
    assert probe(write_video(moving_picture(1.0), chirp(1.0), tmp_path / "a.mp4")).fast_start


def test_pictures_are_not_cut_into_slices_for_the_sake_of_threads(tmp_path):
    content = write_video(moving_picture(0.2), None, tmp_path / "a.mp4").read_bytes()
    assert b"sliced_threads=0" in content  # x264 writes its options into the stream


def test_metadata_comes_back(tmp_path):
    tags = {"title": "格蕾丝 Hopper", "comment": '{"seed": 7}'}
    stored = probe(write_video(flat((0, 0, 0)), None, tmp_path / "a.mp4", metadata=tags)).metadata
    assert {key: stored[key] for key in tags} == tags
    assert stored["generator"].startswith("sonic-portrait ")


def test_same_frames_give_the_same_picture_sound_and_description(tmp_path):
    # Without loss, and not the bytes of the file: what x264 decides at one and the same input is not ours to promise.
    files = [
        write_video(moving_picture(1.0), chirp(1.0), tmp_path / name, Encoding(crf=0)) for name in ("a.mp4", "b.mp4")
    ]
    np.testing.assert_array_equal(*map(decoded_frames, files))
    assert audio_packets(files[0]) == audio_packets(files[1])
    first, second = (replace(probe(file), size_bytes=0) for file in files)
    assert first == second


def test_progress_tells_each_frame_and_shows_it(tmp_path):
    frames = moving_picture(0.4)
    calls = []

    def watch(stage, done, total, preview=None):
        calls.append((stage, done, total, preview().copy()))

    write_video(frames, None, tmp_path / "a.mp4", progress=watch)
    assert [call[:3] for call in calls] == [("encoding", i, 10) for i in range(1, 11)]
    np.testing.assert_array_equal(np.stack([call[3] for call in calls]), np.stack(list(frames)))


def test_frames_are_forgotten_as_they_are_written(tmp_path):
    alive = weakref.WeakSet()
    most = 0

    class Tracked(np.ndarray):
        """An array that a weak set can hold."""

        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for i in range(300):
            frame = np.full((64, 64, 3), i % 200, np.uint8).view(Tracked)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame

    write_video(FrameStream(300, 64, 64, 25, frames), None, tmp_path / "a.mp4")
    assert most <= 4


def test_sound_is_interleaved_with_the_picture(tmp_path):
    import av

    path = write_video(moving_picture(30.0), chirp(30.0), tmp_path / "a.mp4")
    positions = {"audio": [], "video": []}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                positions[packet.stream.type].append((packet.pos, float(packet.pts * packet.time_base)))
    # Where half the sound has been read, about half the picture has been read too.
    middle = min(positions["audio"], key=lambda item: abs(item[1] - 15))[0]
    read = max(seconds for place, seconds in positions["video"] if place < middle)
    assert abs(read - 15) < 3
