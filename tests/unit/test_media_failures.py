"""Whatever stops the writer leaves no half file, loses no earlier one and is told in plain words."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import chirp, flat, moving_picture

from sonic_core.errors import DurationMismatchError, OutputError, SettingsError
from sonic_core.frames import FrameStream
from sonic_core.media.encoding import Encoding
from sonic_core.media.probe import probe
from sonic_core.media.writer import check_output, write_video


class StopError(Exception):
    """Raised by a user who has seen enough."""


def stop_at(frame: int):
    def progress(stage, done, total, preview=None):
        if done == frame:
            raise StopError

    return progress


@pytest.mark.parametrize("frame", [1, 20, 50])
def test_cancel_leaves_nothing(tmp_path, frame):
    with pytest.raises(StopError):
        write_video(moving_picture(2.0), chirp(2.0), tmp_path / "a.mp4", progress=stop_at(frame))
    assert list(tmp_path.iterdir()) == []


def test_cancel_keeps_the_earlier_file(tmp_path):
    path = write_video(moving_picture(0.4), None, tmp_path / "a.mp4")
    before = path.read_bytes()
    with pytest.raises(StopError):
        write_video(moving_picture(2.0), None, path, overwrite=True, progress=stop_at(20))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_leaves_nothing(tmp_path):
    def interrupted(stage, done, total, preview=None):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(moving_picture(1.0), chirp(1.0), tmp_path / "a.mp4", progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_error_of_a_renderer_passes_unchanged(tmp_path):
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise PermissionError("the renderer's own")

    with pytest.raises(PermissionError, match="the renderer's own"):
        write_video(FrameStream(5, 64, 64, 25, frames), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_taken_names_are_numbered(tmp_path):
    paths = [write_video(flat((i, 0, 0)), None, tmp_path / "a.mp4") for i in (10, 20, 30)]
    assert [path.name for path in paths] == ["a.mp4", "a_1.mp4", "a_2.mp4"]
    assert len({path.read_bytes() for path in paths}) == 3


def test_overwrite_replaces(tmp_path):
    write_video(moving_picture(1.0), None, tmp_path / "a.mp4")
    path = write_video(moving_picture(0.4), None, tmp_path / "a.mp4", overwrite=True)
    assert probe(path).frames == 10
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_missing_folders_are_made(tmp_path):
    path = write_video(flat((0, 0, 0)), None, tmp_path / "new" / "folder" / "a.mp4")
    assert path.is_file()


def test_chinese_name_with_spaces(tmp_path):
    path = write_video(moving_picture(0.4), chirp(0.4), tmp_path / "输出 文件夹" / "会说话的 肖像.mp4")
    assert path.name == "会说话的 肖像.mp4"
    assert probe(path).frames == 10


@pytest.mark.parametrize("limit_kb", [8, 100])
def test_full_disk_is_said_plainly_and_leaves_nothing(tmp_path, limit_kb):
    pytest.importorskip("resource", reason="file size limits are a Unix thing")
    code = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        import numpy as np
        from media_samples import chirp
        from sonic_core.errors import OutputError
        from sonic_core.frames import FrameStream
        from sonic_core.media.writer import check_output, write_video
        noise = np.random.default_rng(0).integers(0, 255, (40, 128, 128, 3), dtype=np.uint8)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_kb} * 1024,) * 2)
        try:
            write_video(FrameStream.from_array(noise, 25), chirp(1.6), Path({str(tmp_path / "a.mp4")!r}))
        except OutputError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert "a.mp4: the file grew larger than this disk or user may hold" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="may not write"):
        write_video(flat((0, 0, 0)), None, tmp_path / "a.mp4")
    tmp_path.chmod(0o700)


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        write_video(flat((0, 0, 0)), None, tmp_path / "file" / "a.mp4")


def test_target_that_is_a_folder(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_video(flat((0, 0, 0)), None, tmp_path / "a.mp4")


def test_name_too_long_is_found_before_any_frame(tmp_path):
    def frames():
        raise AssertionError("asked for a frame")
        yield

    with pytest.raises(OutputError, match="too long"):
        write_video(FrameStream(5, 64, 64, 25, frames), None, tmp_path / ("长" * 200 + ".mp4"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.avi", "长" * 200 + ".mp4", "file/a.mp4"])
def test_impossible_output_is_told_before_the_work(tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="Cannot write"):
        check_output(tmp_path / name)


def test_possible_output_leaves_no_trace_of_the_question(tmp_path):
    (tmp_path / "earlier.mp4").write_bytes(b"kept")
    check_output(tmp_path / "a.mp4")
    check_output(tmp_path / "earlier.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["earlier.mp4"]
    assert (tmp_path / "earlier.mp4").read_bytes() == b"kept"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_into_nowhere_is_kept(tmp_path):
    link = tmp_path / "a.mp4"
    link.symlink_to(tmp_path / "unplugged" / "a.mp4")
    check_output(link)
    assert write_video(flat((0, 0, 0)), None, link).name == "a_1.mp4"
    assert link.is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no colons in names")
@pytest.mark.parametrize("name", ["take:2.mp4", "http:/a.mp4", "take:2.png"])
def test_a_relative_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = write_video(moving_picture(0.4), chirp(0.4), Path(name))
    assert probe(path).frames == 10


def test_longest_name_works(tmp_path):
    name = "a" * 251 + ".mp4"
    assert write_video(flat((0, 0, 0)), None, tmp_path / name).name == name


def test_other_suffix_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.mp4"):
        write_video(flat((0, 0, 0)), None, tmp_path / "a.avi")


def test_no_frames(tmp_path):
    with pytest.raises(OutputError, match="0 frames"):
        write_video(FrameStream(0, 64, 64, 25, lambda: iter(())), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size(tmp_path):
    frames = [np.zeros((64, 64, 3), np.uint8), np.zeros((64, 66, 3), np.uint8)]
    with pytest.raises(OutputError, match=r"Frame 2 is uint8 \[64, 66, 3\]"):
        write_video(FrameStream(2, 64, 64, 25, lambda: iter(frames)), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_float_frames(tmp_path):
    with pytest.raises(OutputError, match="float64"):
        write_video(FrameStream(1, 64, 64, 25, lambda: iter([np.zeros((64, 64, 3))])), None, tmp_path / "a.mp4")


@pytest.mark.parametrize(("came", "word"), [(3, "3 came"), (9, "more came")])
def test_stream_that_breaks_its_word(tmp_path, came, word):
    frames = [np.zeros((64, 64, 3), np.uint8)] * came
    with pytest.raises(OutputError, match=f"5 frames were announced but {word}"):
        write_video(FrameStream(5, 64, 64, 25, lambda: iter(frames)), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_sound_of_another_length_names_both(tmp_path):
    with pytest.raises(DurationMismatchError, match=r"1\.000 s .* chirp is 2\.000 s"):
        write_video(moving_picture(1.0), chirp(2.0), tmp_path / "a.mp4")


@pytest.mark.parametrize("wrong", [{"crf": 52}, {"preset": "quick"}, {"audio_bitrate": 100}, {"even": "stretch"}])
def test_encoding_outside_its_range(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Encoding(**wrong)


def test_probe_of_no_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(OutputError, match="Cannot read"):
        probe(tmp_path / "a.mp4")
    with pytest.raises(OutputError, match="Cannot read"):
        probe(tmp_path / "missing.mp4")


def test_an_encoder_that_gives_up_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def give_up(track, frame):
        raise av.error.ExternalError(542398533, "Generic error in an external library")

    monkeypatch.setattr("sonic_core.media.picture_track.PictureTrack.encode", give_up)
    with pytest.raises(OutputError, match=r"a\.mp4: its encoder gave up.*memory"):
        write_video(flat((0, 0, 0)), None, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
