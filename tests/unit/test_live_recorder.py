"""Recording live frames, and frames in an event loop, without a network."""

import asyncio
import threading
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from live_samples import LoudnessStage, QuickClock, tone

from sonic_core.errors import OutputError, SettingsError
from sonic_core.job import Job
from sonic_core.live import recorder as recorder_module
from sonic_core.live.in_loop import MOST_AHEAD, FramesInLoop
from sonic_core.live.recorder import Recording
from sonic_core.live.session import LiveSession
from sonic_core.media import growing
from sonic_core.media.labels import Labels
from sonic_core.media.probe import probe
from sonic_core.media.reader import read_frames
from sonic_core.media.visible_label import VisibleLabel


class PaperStage(LoudnessStage):
    width, height = 160, 96


def session_of(stage=None):
    session = LiveSession(stage or PaperStage(), clock=QuickClock())
    session.push_audio(tone(3), 16_000)
    return session


def record(folder, frames=50, job=None):
    """Record the first frames; returns what `done` was told and how many pictures were repeated."""
    told = []
    session = session_of()
    made = Recording(job or Job(None, None, folder / "live.mp4"), "1" * 64).begin(session, told.append)
    for frame in islice(session, frames):
        made.add(frame)
    made.finish()
    made.finish()
    made.join()
    return told, made.repeated


def test_a_recording_is_as_long_as_what_was_shown_and_says_what_it_is(tmp_path):
    (path,), repeated = record(tmp_path)[0], 0
    video = probe(path)
    assert (video.frames, repeated) == (50, 0)
    assert abs(video.audio_duration - 2) <= 0.5 / 25
    assert video.metadata["AIGC"]
    assert video.metadata["engine"] == "lite"
    assert record(tmp_path)[0] == [tmp_path / "live_1.mp4"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_slow_encoder_repeats_pictures_and_keeps_the_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 5)
    go_on, add = threading.Event(), growing.GrowingVideo.add

    def slow(self, frame, samples):
        assert go_on.wait(60)
        add(self, frame, samples)

    monkeypatch.setattr(growing.GrowingVideo, "add", slow)
    told, session = [], session_of()
    made = Recording(Job(None, None, tmp_path / "live.mp4"), "").begin(session, told.append)
    for frame in islice(session, 40):
        made.add(frame)
    go_on.set()
    made.finish()
    made.join()
    assert 30 <= made.repeated <= 36
    video = probe(told[0])
    assert video.frames == 40
    assert abs(video.audio_duration - 1.6) <= 0.5 / 25


def test_what_cannot_be_recorded_is_told_once_and_leaves_nothing(tmp_path, monkeypatch):
    told, _ = record(tmp_path, frames=0)
    assert [type(one) for one in told] == [OutputError]
    assert list(tmp_path.iterdir()) == []

    def full(self, frame):
        raise OutputError("the disk is full")

    monkeypatch.setattr(growing.GrowingTracks, "add_frame", full)
    told, _ = record(tmp_path)
    assert [str(one) for one in told] == ["the disk is full"]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="switched off"):
        Recording(Job(None, None), "").begin(session_of(), told.append)


def test_a_forgotten_recording_ends_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "LONGEST", 1.0)
    assert probe(record(tmp_path)[0][0]).frames == 25


def test_a_label_for_the_beginning_is_at_the_beginning_of_the_file(tmp_path):
    job = Job(None, None, tmp_path / "live.mp4", labels=Labels(visible=VisibleLabel("start")))
    frames = list(read_frames(record(tmp_path, 60, job)[0][0]))
    contrast = [float(np.ptp(frame)) for frame in frames]
    assert min(contrast[:50]) > 60
    assert max(contrast[52:]) < 40


def test_a_loop_that_takes_no_frames_holds_the_session_up_and_loses_no_sound():
    async def play():
        session = session_of()
        frames = FramesInLoop(session)
        while session.stats.frames < MOST_AHEAD:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert session.stats.frames <= MOST_AHEAD + 1
        heard = [frame.audio async for frame in frames if frame.time < 4 or session.close()]
        await frames.close()
        await frames.close()
        return np.concatenate(heard)

    heard = asyncio.run(play())
    assert np.abs(heard).sum() == pytest.approx(np.abs(tone(3, 48_000)).sum(), rel=0.01)


def test_an_error_of_the_engine_is_raised_where_frames_are_awaited():
    class Broken(LoudnessStage):
        def draw(self, pose):
            raise ZeroDivisionError

    async def play():
        frames = FramesInLoop(session_of(Broken()))
        with pytest.raises(ZeroDivisionError):
            await anext(frames)
        with pytest.raises(StopAsyncIteration):
            await anext(frames)
        await frames.close()

    asyncio.run(play())


def test_a_label_for_the_whole_time_is_in_every_frame():
    async def play():
        frames = FramesInLoop(session_of(), VisibleLabel("always"))
        got = [await anext(frames) for _ in range(4)]
        await frames.close()
        return got

    assert all(np.ptp(frame.image) > 60 for frame in asyncio.run(play()))


def test_a_label_that_does_not_fit_is_told_and_leaves_nothing(tmp_path):
    labels = Labels(visible=VisibleLabel("start", text="so many words " * 20))
    with pytest.raises(SettingsError, match="Choose a shorter text"):
        Recording(Job(None, None, tmp_path / "live.mp4", labels=labels), "").begin(session_of(), print)
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_not_ours_is_told_too(tmp_path, monkeypatch):
    def broken(self, frame):
        raise ZeroDivisionError("no encoder does that")

    monkeypatch.setattr(growing.GrowingTracks, "add_frame", broken)
    told, _ = record(tmp_path)
    assert [str(one) for one in told] == [
        "The recording failed: ZeroDivisionError: no encoder does that. Record again."
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_gets_full_ends_a_recording_and_begins_none(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "LOOKED_AFTER", 10)
    free = iter([10**12, 10**12])
    monkeypatch.setattr(recorder_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free, 10**8)))
    session, told, ended = session_of(), [], threading.Event()
    recording = Recording(Job(None, None, tmp_path / "live.mp4"), "")
    made = recording.begin(session, lambda result: (told.append(result), ended.set()))
    for frame in islice(session, 60):
        made.add(frame)
    assert ended.wait(60)  # by itself
    assert probe(told[0]).frames >= 20
    with pytest.raises(OutputError, match="100 MB are free"):
        recording.begin(session, told.append)
