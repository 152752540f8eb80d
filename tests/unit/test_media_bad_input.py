"""Bad input to the writer and to interpolation: a clear error or a stated rule, in every kind of file, and nothing left behind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from media_samples import chirp, flat, moving_picture

from sonic_core.audio.clip import AudioClip
from sonic_core.between.interpolation import interpolated
from sonic_core.errors import AudioError, DurationMismatchError, OutputError
from sonic_core.frames import FrameStream
from sonic_core.media.encoding import Encoding
from sonic_core.media.probe import probe
from sonic_core.media.writer import SUFFIXES, write_video


def stream(*frames: np.ndarray, fps: float = 25.0, length: int | None = None) -> FrameStream:
    height, width = frames[0].shape[:2] if frames else (64, 64)
    return FrameStream(len(frames) if length is None else length, width, height, fps, lambda: iter(frames))


def frame(height: int = 64, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def sound(samples: np.ndarray) -> AudioClip:
    return AudioClip(samples.astype(np.float32), 16_000, "given.wav")


ERRORS = {
    "zero frames": (stream(), None, OutputError, "0 frames"),
    "fewer frames than announced": (stream(frame(), length=3), None, OutputError, "3 frames were announced but 1 came"),
    "mixed sizes": (stream(frame(), frame(64, 66)), None, OutputError, r"Frame 2 is uint8 \[64, 66, 3\]"),
    "grey frames": (stream(frame()[..., 0]), None, OutputError, r"Frame 1 is uint8 \[64, 64\]"),
    "NaN pixels": (stream(frame() * np.float32("nan")), None, OutputError, "Frame 1 is float"),
    "one pixel": (stream(frame(1, 1)), None, OutputError, "at least 2x2 px"),
    "fps 0": (stream(frame(), fps=0.0), None, OutputError, "fps is 0"),
    "fps below 0": (stream(frame(), fps=-25.0), None, OutputError, "fps is -25"),
    "fps NaN": (stream(frame(), fps=float("nan")), None, OutputError, "fps is nan"),
    "fps infinite": (stream(frame(), fps=float("inf")), None, OutputError, "fps is inf"),
    "fps of a slide show": (stream(frame(), fps=1e-5), None, OutputError, "fps is 1e-05"),
}
OF_THE_SOUND = {
    "sound without samples": (flat((9, 9, 9)), sound(np.zeros((1, 0))), AudioError, "given.wav has no samples"),
    "NaN in the sound": (
        flat((9, 9, 9)),
        sound(np.full((1, 3200), np.nan)),
        AudioError,
        "given.wav holds values that are no numbers",
    ),
    "sound far longer": (flat((9, 9, 9)), sound(np.zeros((1, 32_000))), DurationMismatchError, "given.wav is 2.000 s"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", ERRORS)
def test_what_is_wrong_is_told_and_nothing_is_left(tmp_path, case, suffix):
    frames, audio, error, words = ERRORS[case]
    with pytest.raises(error, match=words):
        write_video(frames, audio, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".gif"])
@pytest.mark.parametrize("case", OF_THE_SOUND)
def test_what_is_wrong_with_the_sound_is_told_and_nothing_is_left(tmp_path, case, suffix):
    frames, audio, error, words = OF_THE_SOUND[case]
    with pytest.raises(error, match=words):
        write_video(frames, audio, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_frame_is_a_clip_of_one_frame(tmp_path, suffix):
    video = probe(write_video(stream(frame()), None, tmp_path / f"a{suffix}"))
    assert video.frames == 1
    assert video.duration == pytest.approx(0.04, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".png"])
def test_one_frame_with_sound_ends_with_it(tmp_path, suffix):
    video = probe(write_video(stream(frame()), chirp(0.04), tmp_path / f"a{suffix}"))
    assert video.frames == 1
    assert abs(video.audio_duration - video.duration) <= 0.02


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".png"])
def test_silence_is_sound_like_any_other(tmp_path, suffix):
    video = probe(write_video(moving_picture(1.0), sound(np.zeros((1, 16_000))), tmp_path / f"a{suffix}"))
    assert abs(video.audio_duration - 1.0) <= 0.02


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_sound_makes_a_silent_video(tmp_path, suffix):
    assert probe(write_video(moving_picture(0.4), None, tmp_path / f"a{suffix}")).audio_codec is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_target_is_numbered(tmp_path, suffix):
    paths = [write_video(flat((9, 9, 9)), None, tmp_path / f"a{suffix}") for _ in range(2)]
    assert [path.stem for path in paths] == ["a", "a_1"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_takes_no_files(tmp_path, suffix):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match="Cannot write"):
        write_video(flat((9, 9, 9)), None, tmp_path / "file" / f"a{suffix}")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody may write, not even root")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_unwritable_folder_is_told_whoever_asks(suffix):
    from pathlib import Path

    with pytest.raises(OutputError, match="Cannot write /proc/self/a"):
        write_video(flat((9, 9, 9)), None, Path("/proc/self") / f"a{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, suffix):
    resource = pytest.importorskip("resource", reason="file size limits are a Unix thing")
    noise = np.random.default_rng(0).integers(0, 255, (30, 128, 128, 3), dtype=np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match="grew larger than this disk or user may hold"):
            write_video(FrameStream.from_array(noise, 25), None, tmp_path / f"a{suffix}", Encoding(crf=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


# Interpolation


def test_interpolation_of_one_frame_holds_it():
    made = list(interpolated(stream(frame()), 60))
    assert len(made) == 2
    assert all((each == frame()).all() for each in made)


def test_interpolation_passes_the_errors_of_its_frames_on(tmp_path):
    with pytest.raises(OutputError, match="Frame"):
        write_video(interpolated(stream(frame(), frame(), frame(64, 66)), 25.5), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
