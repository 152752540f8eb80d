"""Frames drawn ahead: in order, bounded, and with errors and endings where they belong."""

from __future__ import annotations

import os
import threading
import time

import av
import numpy as np
import pytest
from renderer_samples import renderer, speech_track

from sonic_core.frames import FrameStream
from sonic_core.frames_ahead import MOST_WORKERS, SMALL, SPARE, drawn_ahead, threads_for
from sonic_core.media.encoding import Encoding
from sonic_core.media.picture_track import PictureTrack
from sonic_core.threads import SHARE


def test_results_come_in_the_order_of_what_was_given():
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(drawn_ahead(slow_first, range(20), workers=3)) == list(range(20))


def test_two_are_drawn_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert list(drawn_ahead(lambda _: both.wait() >= 0, range(4), workers=2)) == [True] * 4


def test_no_more_are_drawn_than_may_wait():
    begun = []
    results = drawn_ahead(lambda number: begun.append(number), range(100), workers=2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 2 + SPARE
    results.close()


def test_an_error_comes_where_the_result_would_have_come():
    def draw(number: int) -> int:
        if number == 3:
            raise ValueError("the fourth")
        return number

    results = drawn_ahead(draw, range(10), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)


def test_closing_leaves_no_thread_behind():
    results = drawn_ahead(lambda number: number, range(1000), workers=2)
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]


def test_a_share_of_one_core_is_drawn_and_coded_by_the_caller_alone(monkeypatch, tmp_path):
    monkeypatch.setenv(SHARE, "1")
    drawn = drawn_ahead(lambda _: threading.current_thread(), range(4), threads_for(2 * SMALL))
    assert set(drawn) == {threading.current_thread()}
    frames = FrameStream(1, 64, 64, 25.0, lambda: iter([np.zeros((64, 64, 3), np.uint8)]))
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        assert PictureTrack(container, frames, Encoding(), "h264").stream.codec_context.thread_count == 1


@pytest.mark.parametrize(
    ("side", "preset", "cores", "costly", "threads"),
    [
        (512, "veryfast", 8, True, 1),
        (512, "veryfast", 8, False, 0),
        (512, "slow", 8, True, 0),
        (1024, "veryfast", 8, True, 0),
        (1024, "veryfast", 2, True, 1),
        (1024, "veryfast", 2, False, 0),
        (512, "slow", 2, True, 0),
    ],
)
def test_a_quick_encoder_beside_what_draws_has_one_thread(monkeypatch, tmp_path, side, preset, cores, costly, threads):
    monkeypatch.delenv(SHARE, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    frames = FrameStream(1, side, side, 25.0, lambda: iter([np.zeros((side, side, 3), np.uint8)]), costly=costly)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        track = PictureTrack(container, frames, Encoding(preset=preset), "h264")
        assert track.stream.codec_context.thread_count == threads


def test_small_frames_have_one_thread_beside_the_caller_and_large_ones_several(monkeypatch):
    monkeypatch.delenv(SHARE, raising=False)
    assert threads_for(512 * 512) == 1
    assert 2 <= threads_for(1024 * 1024) <= MOST_WORKERS
    monkeypatch.setenv(SHARE, "3")
    assert threads_for(1024 * 1024) == 3
    drawn = set(drawn_ahead(lambda _: threading.current_thread(), range(4), threads_for(512 * 512)))
    assert len(drawn) == 1
    assert drawn != {threading.current_thread()}


def test_portraits_are_drawn_alike_by_two_threads_and_by_one():
    draw, track = renderer().render, speech_track(6)
    for alone, together in zip(map(draw, track), drawn_ahead(draw, track, workers=2), strict=True):
        assert np.array_equal(alone, together)
