"""`align`: a finished video measured and corrected on the command line."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from media_samples import aac_file, chirp, decoded_samples, marked_as_signed, moving_picture

from sonic_core import cli
from sonic_core.audio.loading import load_audio
from sonic_core.engines.registry import load_engine
from sonic_core.frames import FrameStream
from sonic_core.job import Job
from sonic_core.judging.retiming import shift_audio
from sonic_core.judging.syncnet import SyncNet
from sonic_core.media.lengths import with_length
from sonic_core.media.probe import probe
from sonic_core.media.reader import read_frames
from sonic_core.media.writer import write_video
from sonic_core.pipeline import Loaded, generate
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings

SECONDS = 3.0
LATE_MS = 160


@pytest.fixture(scope="module")
def speech():
    clip = load_audio(SPEECH)
    return clip.with_samples(clip.samples[:, : round(SECONDS * clip.rate)])


@pytest.fixture(scope="module")
def in_sync(tmp_path_factory, speech) -> Path:
    target = tmp_path_factory.mktemp("clip") / "clip.mp4"
    small = Settings(min_resolution=256)
    return generate(Job(None, None, target, small), Loaded(load_engine("lite"), load_portrait(PORTRAIT), speech)).path


@pytest.fixture(scope="module")
def late(tmp_path_factory, in_sync, speech) -> Path:
    """The same picture with its sound 160 ms late."""
    return with_sound(in_sync, speech, LATE_MS, tmp_path_factory.mktemp("late") / "late.mp4")


def with_sound(clip: Path, speech, late_ms: float, target: Path) -> Path:
    """The picture packets of `clip` and speech that comes `late_ms` after the mouth."""
    moved = shift_audio(speech, -round(late_ms / 1000 * speech.rate), speech.duration)
    sound = aac_file(target.with_suffix(".m4a"), moved)
    options = {"movflags": "use_metadata_tags"}
    with (
        av.open(str(clip)) as picture,
        av.open(str(sound)) as recording,
        av.open(str(target), "w", options=options) as out,
    ):
        out.metadata.update(picture.metadata)
        pairs = [(source, source.streams[0]) for source in (picture, recording)]
        made = [out.add_stream_from_template(stream, opaque=True) for _, stream in pairs]
        for (source, stream), new in zip(pairs, made, strict=True):
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = new
                    out.mux(packet)
    return target


def answer(*args: object) -> tuple[int, dict]:
    """Exit code and the JSON object on the last line."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = cli.main(["align", *map(str, args), "--json"])
    return code, json.loads(said.getvalue().splitlines()[-1])


@pytest.fixture(scope="module")
def corrected(late) -> dict:
    """What is told of the late clip, corrected with nothing else said."""
    code, report = answer(late)
    assert code == 0
    return report


def picture_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_late_sound_is_moved_and_measured_again(corrected):
    assert corrected["offset_ms"] == pytest.approx(LATE_MS, abs=20)
    assert corrected["trusted"]
    assert abs(corrected["offset_after_ms"]) <= 20


def test_picture_is_copied_and_ends_with_the_sound(late, corrected):
    video = probe(Path(corrected["output"]))
    assert picture_packets(Path(corrected["output"])) == picture_packets(late)
    assert abs(video.duration - video.audio_duration) <= 0.5 / video.fps


def test_tags_are_kept_and_the_shift_is_noted(late, corrected):
    before, after = probe(late).metadata, probe(Path(corrected["output"])).metadata
    assert {key: after.get(key) for key in ("AIGC", "generator", "settings")} == {
        key: before[key] for key in ("AIGC", "generator", "settings")
    }
    assert "moved the sound" in after["lip_sync"]


def test_sound_is_moved_by_what_was_measured(late, corrected):
    old, new = decoded_samples(late)[0], decoded_samples(Path(corrected["output"]))[0]
    rate = probe(late).sample_rate
    size = 1 << (len(old) + len(new)).bit_length()
    match = np.fft.irfft(np.fft.rfft(old, size) * np.conj(np.fft.rfft(new, size)), size)
    assert int(np.argmax(match)) / rate * 1000 == pytest.approx(corrected["shift_ms"], abs=1)


def test_frames_are_moved_where_asked(late, tmp_path):
    _, report = answer(late, "--output", tmp_path / "fixed.mp4", "--method", "shift_frames")
    assert abs(report["offset_after_ms"]) <= 30
    assert report["output"] == str(tmp_path / "fixed.mp4")
    assert probe(Path(report["output"])).frames == probe(late).frames


def test_clip_in_sync_is_left_alone(in_sync):
    code, report = answer(in_sync)
    assert code == 0
    assert report["trusted"]
    assert report["output"] is None
    assert abs(report["offset_ms"]) <= 20
    assert not in_sync.with_name("clip_aligned.mp4").exists()


def test_measuring_only_writes_nothing(late):
    before = sorted(late.parent.iterdir())
    _, report = answer(late, "--measure-only")
    assert report["offset_ms"] == pytest.approx(LATE_MS, abs=20)
    assert sorted(late.parent.iterdir()) == before


def test_existing_file_is_kept_and_the_new_one_numbered(late, corrected):
    first = Path(corrected["output"])
    before = first.read_bytes()
    second = Path(answer(late)[1]["output"])
    assert [first.name, second.name] == ["late_aligned.mp4", "late_aligned_1.mp4"]
    assert first.read_bytes() == before


def test_chart_is_a_picture(late, tmp_path):
    answer(late, "--measure-only", "--chart", tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_plain_words_name_before_after_and_file(late, tmp_path, capsys):
    assert cli.main(["align", str(late), "--output", str(tmp_path / "fixed.mkv")]) == 0
    text = capsys.readouterr().out
    assert "Before:  sound 1" in text
    assert "After:   sound" in text
    assert "fixed.mkv" in text


def without_sound(folder: Path) -> Path:
    return write_video(moving_picture(2.0), None, folder / "mute.mp4")


def without_picture(folder: Path) -> Path:
    return aac_file(folder / "sound.m4a", chirp(2.0))


def without_face(folder: Path) -> Path:
    return write_video(moving_picture(2.0), load_first(2.0), folder / "nobody.mp4")


def too_short(folder: Path) -> Path:
    return write_video(moving_picture(0.8), chirp(0.8), folder / "short.mp4")


def silent(folder: Path) -> Path:
    clip = chirp(2.0)
    return write_video(moving_picture(2.0), clip.with_samples(0 * clip.samples), folder / "silent.mp4")


def load_first(seconds: float):
    return load_audio(SPEECH, length=seconds)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (without_sound, "no sound"),
        (without_picture, "no picture"),
        (without_face, "face"),
        (too_short, "1.5 s are needed"),
        (silent, "silent"),
    ],
)
def test_what_cannot_be_measured_is_said(make, words, tmp_path, capsys):
    assert cli.main(["align", str(make(tmp_path))]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_missing_file_and_wrong_kinds_are_said_at_once(tmp_path, capsys, late):
    assert cli.main(["align", str(tmp_path / "none.mp4")]) == 1
    assert cli.main(["align", str(late), "--output", str(tmp_path / "fixed.avi")]) == 1
    assert ".mkv" in capsys.readouterr().err
    assert cli.main(["align", str(late), "--measure-only", "--output", str(tmp_path / "a.mp4")]) == 2
    assert cli.main(["align", str(late), "--tolerance-ms", "-1"]) == 2


@pytest.mark.parametrize("option", ["--output", "--chart"])
def test_a_place_that_takes_no_file_is_said_before_the_work(tmp_path, capsys, option):
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / ("a.mp4" if option == "--output" else "a.png")
    assert cli.main(["align", str(tmp_path / "none.mp4"), option, str(target)]) == 1
    assert f"Cannot write {target}" in capsys.readouterr().err, "and not that none.mp4 does not exist"


def test_a_signature_that_the_corrected_copy_loses_is_told(late, tmp_path):
    signed = marked_as_signed(Path(shutil.copy(late, tmp_path / "signed.mp4")))
    assert "C2PA signature" in answer(signed)[1]["notes"][-1]
    assert not any("C2PA" in note for note in answer(signed, "--measure-only")[1]["notes"])


def test_still_mouth_is_said(tmp_path, capsys):
    picture = load_portrait(PORTRAIT).image
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    frames = FrameStream(50, width, height, 25.0, lambda: (picture[:height, :width] for _ in range(50)))
    still = write_video(frames, load_first(2.0), tmp_path / "still.mp4")
    assert cli.main(["align", str(still)]) == 1
    assert "does not move" in capsys.readouterr().err


def test_syncnet_scores_stand_in_the_report(in_sync, tmp_path):
    torch.manual_seed(0)
    torch.save(SyncNet().state_dict(), tmp_path / "random.model")
    short = write_video(with_length(read_frames(in_sync), 40), load_first(1.6), tmp_path / "short.mp4")
    code, report = answer(short, "--measure-only", "--syncnet", tmp_path / "random.model")
    assert code == 0
    assert report["lse_c"] >= 0
    assert report["lse_d"] > 0
    assert cli.main(["align", str(short), "--syncnet", str(tmp_path / "none.model")]) == 1
