"""Opacity through the writing door and back, in real files."""

import av
import numpy as np
import pytest
from media_samples import chirp, decoded_frames

from sonic_core.compositing import covering, over, straight
from sonic_core.errors import OutputError
from sonic_core.frames import FrameStream
from sonic_core.media.encoding import Encoding
from sonic_core.media.probe import probe
from sonic_core.media.reader import read_frames
from sonic_core.media.visible_label import VisibleLabel, with_visible_label
from sonic_core.media.writer import holds_alpha, write_video

SIZE = (64, 96)


def cut_out(length=10) -> FrameStream:
    """A coloured disc with a soft edge that walks to the right over nothing."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]

    def frames():
        for index in range(length):
            frame = np.full((*SIZE, 4), (200, 60, 90, 0), np.uint8)
            frame[..., 3] = np.clip(255 * (20 - np.hypot(x - 35 - 2 * index, y - 32)) / 6, 0, 255)
            yield frame

    return FrameStream(length, SIZE[1], SIZE[0], 25, frames, 4)


@pytest.mark.parametrize(("suffix", "loss"), [(".webm", 4), (".mov", 2), (".png", 0)])
def test_opacity_and_colours_come_back_from_the_file(tmp_path, suffix, loss):
    path = write_video(cut_out(), chirp(0.4), tmp_path / f"clip{suffix}", Encoding(crf=4))
    back = read_frames(path)
    assert (back.channels, len(back), probe(path).transparent) == (4, 10, True)
    for frame, expected in zip(back, cut_out(), strict=True):
        assert np.abs(frame[..., 3].astype(int) - expected[..., 3]).max() <= loss
        seen = expected[..., 3] > 32
        assert np.abs(frame[seen].astype(int) - expected[seen])[:, :3].max() <= max(loss, 3 * (suffix != ".png"))


def test_a_mov_is_prores_4444_with_sound(tmp_path):
    path = write_video(cut_out(), chirp(0.4), tmp_path / "clip.mov")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "ap4h"
    video = probe(path)
    assert (video.video_codec, video.audio_codec, video.frames) == ("prores", "aac", 10)
    assert abs(video.duration - video.audio_duration) <= 0.5 / 25


def test_the_webm_says_that_it_is_transparent(tmp_path):
    path = write_video(cut_out(), None, tmp_path / "clip.webm")
    with av.open(str(path)) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
    assert tags["alpha_mode"] == "1"


def test_a_mov_without_opacity_is_opaque(tmp_path):
    path = write_video(cut_out().over((0, 0, 255)), None, tmp_path / "clip.mov")
    assert not probe(path).transparent
    assert np.abs(next(iter(read_frames(path)))[0, 0].astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.parametrize(
    ("name", "encoding", "holds"),
    [
        ("a.mp4", Encoding(), False),
        ("a.webm", Encoding(), True),
        ("a.webm", Encoding(codec="av1"), False),
        ("a.mov", Encoding(), True),
        ("a.mov", Encoding(codec="h264"), False),
        ("a.png", Encoding(), True),
        ("a.gif", Encoding(), False),
    ],
)
def test_which_files_hold_opacity(tmp_path, name, encoding, holds):
    assert holds_alpha(tmp_path / name, encoding) == holds
    if not holds:
        with pytest.raises(OutputError, match=r"cannot hold transparency. Write a .webm"):
            write_video(cut_out(), None, tmp_path / name, encoding)
        assert not list(tmp_path.iterdir())


def test_laid_over_a_colour_it_becomes_an_ordinary_video(tmp_path):
    path = write_video(cut_out().over((0, 255, 0)), None, tmp_path / "clip.mp4", Encoding(crf=4))
    frame = decoded_frames(path)[0].astype(int)
    assert np.abs(frame[2, 2] - (0, 255, 0)).max() <= 4
    assert np.abs(frame[32, 35] - (200, 60, 90)).max() <= 6


def test_over_mixes_by_opacity():
    frame = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    assert over(frame, (0, 0, 100)).tolist() == [[[200, 100, 0], [0, 0, 100], [40, 20, 80]]]


def test_straight_colours_carry_no_white_and_lie_over_white_as_before():
    rng = np.random.default_rng(0)
    colours = np.clip(90 + 30 * rng.standard_normal((40, 60, 3)), 0, 255)
    alpha = np.clip(np.linspace(-100, 400, 60), 0, 255)[None].repeat(40, 0).astype(np.uint8)
    share = alpha[..., None] / 255
    flattened = np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)
    found = straight(flattened, alpha)
    assert np.array_equal(found[..., 3], alpha)
    assert np.abs(over(found).astype(int) - flattened).max() <= 2
    hidden = found[..., :3][alpha == 0]
    assert hidden.mean() == pytest.approx(90, abs=12)  # the colours beside it, not the white that lay there
    assert hidden.max() < 200


def test_a_background_picture_covers_the_frame():
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 20:] = 255
    covered = covering(wide, 20, 20)
    assert covered.shape == (20, 20, 3)
    assert covered[:, :8].max() < 16  # resampling rings a little
    assert covered[:, 12:].min() > 239


def test_colours_can_be_changed_while_opacity_stays():
    frames = cut_out()
    changed = frames.with_colours(lambda stream: stream.map(lambda frame: 255 - frame))
    first, before = next(iter(changed)), next(iter(frames))
    assert np.array_equal(first[..., 3], before[..., 3])
    assert np.array_equal(first[..., :3], 255 - before[..., :3])


def test_the_visible_label_is_seen_over_nothing():
    label = VisibleLabel("always", size=0.08)
    frames = FrameStream.from_array(np.zeros((1, 200, 300, 4), np.uint8), 25)
    opaque = FrameStream.from_array(np.zeros((1, 200, 300, 3), np.uint8), 25)
    (labelled,), (expected,) = with_visible_label(frames, label), with_visible_label(opaque, label)
    assert labelled[..., 3].max() == 255
    assert np.abs(over(labelled, (0, 0, 0)).astype(int) - expected).max() <= 2
    assert not labelled[:100].any()


def test_a_huge_or_damaged_png_of_a_sequence_is_refused_in_words(tmp_path, monkeypatch):
    path = write_video(cut_out(2), None, tmp_path / "clip.png")
    monkeypatch.setattr("sonic_core.png_files.MOST_PIXELS", 1000)
    with pytest.raises(OutputError, match="96 x 64 pixels; at most"):
        read_frames(path)
    monkeypatch.undo()
    frames = read_frames(path)
    (path / "000002.png").write_bytes((path / "000002.png").read_bytes()[:60])
    with pytest.raises(OutputError, match=r"000002\.png cannot be read as a PNG"):
        list(frames)
