"""Any video file on one clock: changing frame rates, late sound, turned pictures; and the file written again."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import chirp, decoded_frames, decoded_samples, moving_picture, turned

from sonic_core.errors import OutputError
from sonic_core.media.remux import cut_to, in_decoding_order, replace_picture, replace_sound
from sonic_core.media.timed_sound import read_sound
from sonic_core.media.timeline import read_frames_at, read_shown_frames, read_timeline
from sonic_core.media.writer import write_video


def uneven(path: Path, times: list[float], start: float = 0.0, sound_at: float = 0.0, seconds: float = 2.0) -> Path:
    """Frames as bright as their number at `times`, and a chirp that begins at `sound_at`."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "5", "bf": "0"})
        video.width = video.height = 64
        video.codec_context.time_base = Fraction(1, 1000)
        audio = out.add_stream("flac" if path.suffix == ".mkv" else "aac", rate=16_000)
        audio.layout = "mono"
        for i, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 + 3 * i, np.uint8), "rgb24")
            frame.pts, frame.time_base = round(1000 * (start + time)), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for packet in encoded(audio, chirp(seconds, 16_000).samples, round((start + sound_at) * 16_000)):
            out.mux(packet)
    return path


def encoded(stream, samples, at: int):
    form = stream.codec_context.format.name if stream.codec_context.format else "fltp"
    resampler = av.AudioResampler(format=form, layout="mono", rate=16_000)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 16_000, at, Fraction(1, 16_000)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        yield from stream.encode(part)
    yield from stream.encode(None)


TIMES = [0, 0.04, 0.08, 0.2, 0.24, 0.3, 0.5, 0.52, 0.9, 1.0, 1.5, 1.6]


def test_changing_frame_rate_keeps_every_frames_own_time(tmp_path):
    timeline = read_timeline(uneven(tmp_path / "vfr.mkv", TIMES))
    assert not timeline.constant
    assert timeline.times == pytest.approx(TIMES, abs=2e-3)


def test_frames_are_those_on_the_screen_at_each_time(tmp_path):
    timeline = read_timeline(uneven(tmp_path / "vfr.mkv", TIMES))
    stream, times = read_shown_frames(timeline)
    shown = [round((float(frame.mean()) - 40) / 3) for frame in stream]
    assert shown == [TIMES.index(min(TIMES, key=lambda t, time=time: abs(t - time))) for time in times]
    assert len(shown) == len(stream)
    assert np.diff(times).min() >= 1 / 31 - 1e-3


def test_sound_is_counted_from_the_first_frame(tmp_path):
    timeline = read_timeline(uneven(tmp_path / "late.mkv", TIMES, start=0.5, sound_at=0.25))
    sound = np.concatenate(list(read_sound(timeline)), axis=1)[0]
    assert timeline.sound_start == pytest.approx(0.25, abs=2e-3)
    assert not sound[: round(0.248 * 16_000)].any()
    original = chirp(2.0, 16_000).samples[0]
    tail = sound[round(timeline.sound_start * 16_000) :][: len(original)]
    assert np.abs(tail - original[: len(tail)]).max() < 0.02


def test_sound_before_the_first_frame_is_left_out(tmp_path):
    timeline = read_timeline(uneven(tmp_path / "early.mkv", TIMES, start=0.5, sound_at=-0.3))
    sound = np.concatenate(list(read_sound(timeline)), axis=1)[0]
    assert timeline.sound_start == pytest.approx(-0.3, abs=2e-3)
    assert len(sound) / 16_000 == pytest.approx(1.7, abs=2e-3)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_sound_is_read_at_another_rate_and_in_one_channel(tmp_path, rate):
    path = write_video(moving_picture(1.0), chirp(1.0, 48_000, channels=2), tmp_path / "a.mp4")
    sound = np.concatenate(list(read_sound(read_timeline(path), rate, mono=True)), axis=1)
    assert sound.shape[0] == 1
    assert sound.shape[1] == pytest.approx(rate, abs=rate * 0.03)


def test_turned_picture_is_seen_upright_and_stays_turned(tmp_path):
    path = turned(write_video(moving_picture(1.0, width=96, height=64), chirp(1.0), tmp_path / "phone.mp4"))
    timeline = read_timeline(path)
    assert (timeline.width, timeline.height) == (64, 96)
    frame = next(iter(read_shown_frames(timeline)[0]))
    stored = decoded_frames(path)[0]
    assert np.abs(frame.astype(int) - np.rot90(stored, -1)).mean() < np.abs(frame.astype(int) - np.rot90(stored)).mean()
    copy = replace_sound(timeline, cut_to(read_sound(timeline), timeline, timeline.end), tmp_path / "copy.mp4")
    assert (read_timeline(copy).width, read_timeline(copy).height) == (64, 96)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_copied_picture_and_new_sound_start_together_and_end_together(tmp_path, suffix):
    timeline = read_timeline(write_video(moving_picture(1.2), chirp(1.2, 44_100), tmp_path / "a.mp4"))
    silence = [np.zeros((1, 44_100), np.float32)] * 2
    copy = replace_sound(timeline, cut_to(silence, timeline, timeline.end), tmp_path / f"b{suffix}")
    again = read_timeline(copy)
    assert (decoded_frames(copy) == decoded_frames(timeline.path)).all()
    assert abs(again.end - again.sound_end) <= 0.5 / 25
    assert abs(decoded_samples(copy)).max() < 1e-3


def test_new_frames_keep_sound_that_fits(tmp_path):
    timeline = read_timeline(write_video(moving_picture(1.2), chirp(1.2, 44_100), tmp_path / "a.mp4"))
    frames = read_frames_at(timeline, timeline.times, timeline.fps)
    copy = replace_picture(timeline, frames, tmp_path / "b.mp4")
    assert (decoded_samples(copy) == decoded_samples(timeline.path)).all()


def test_picture_that_a_container_cannot_hold_is_said(tmp_path):
    timeline = read_timeline(write_video(moving_picture(0.4), chirp(0.4), tmp_path / "a.mp4"))
    with pytest.raises(OutputError, match=r"\.mkv"):
        replace_sound(timeline, [], tmp_path / "b.webm")
    assert not (tmp_path / "b.webm").exists()


def test_a_picture_refused_with_the_header_is_said_too(tmp_path):
    timeline = read_timeline(write_video(moving_picture(0.4), chirp(0.4, 48_000), tmp_path / "a.webm"))
    with pytest.raises(OutputError, match=r"\.mov file cannot hold .*vp9.* picture"):
        replace_sound(timeline, [], tmp_path / "b.mov")
    assert [file.name for file in tmp_path.iterdir()] == ["a.webm"]


def with_reordered_frames(path: Path) -> Path:
    """An H.264 Matroska file as recorders write it: its first packets have no decoding time."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "5", "bf": "3", "b-adapt": "0"})
        video.width = video.height = 64
        audio = out.add_stream("flac", rate=16_000)
        audio.layout = "mono"
        for i in range(30):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 + 3 * i, np.uint8), "rgb24")))
        out.mux(video.encode(None))
        for packet in encoded(audio, chirp(1.2, 16_000).samples, 0):
            out.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_pictures_without_a_decoding_time_are_copied_too(tmp_path, suffix):
    source = with_reordered_frames(tmp_path / "a.mkv")
    with av.open(str(source)) as container:
        assert next(container.demux(video=0)).dts is None
    timeline = read_timeline(source)
    copy = replace_sound(timeline, cut_to(read_sound(timeline), timeline, timeline.end), tmp_path / f"b{suffix}")
    assert (decoded_frames(copy) == decoded_frames(source)).all()
    assert read_timeline(copy).times == pytest.approx(timeline.times, abs=1e-3)


def test_pictures_that_never_say_when_they_are_decoded_are_not_copied(tmp_path):
    with av.open(str(with_reordered_frames(tmp_path / "a.mkv"))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets:
            packet.dts = None
        with pytest.raises(OutputError, match="shift_frames"):
            list(in_decoding_order(packets))
