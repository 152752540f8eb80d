"""One bar over a whole job."""

import io
import sys

import pytest

from sonic_core.commands import console as console_module
from sonic_core.commands.console import Console
from sonic_core.progress import WholeWork, time_in_words


def test_stages_take_their_share_of_the_whole():
    whole = WholeWork({"audio": 1, "sampling": 95, "encoding": 4})
    assert whole("portrait", 1, 1) == 0
    assert whole("audio", 1, 1) == pytest.approx(0.01)
    assert whole("sampling", 1, 2) == pytest.approx(0.485)
    assert whole("decoding", 3, 3) == pytest.approx(0.485)
    assert whole("sampling", 0, 2) == pytest.approx(0.485)  # never back
    assert whole("encoding", 4, 4) == pytest.approx(1)


def test_what_is_left_is_shared_out_anew_when_more_is_known():
    whole = WholeWork({"portrait": 1, "sampling": 1})
    assert whole("portrait", 1, 1) == pytest.approx(0.5)
    whole.weigh({"sampling": 9, "encoding": 1})
    assert whole("sampling", 1, 1) == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (40.4, "40 s"),
        (100, "2 min"),
        (12 * 60, "12 min"),
        (12000, "3 h 20 min"),
        (7200, "2 h"),
        (190800, "2 days 5 h"),
    ],
)
def test_times_are_told_as_people_say_them(seconds, words):
    assert time_in_words(seconds) == words


def test_the_time_left_is_told_by_work_done_and_not_by_stages(monkeypatch):
    now, shown = [0.0], io.StringIO()
    monkeypatch.setattr(console_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", shown)
    console = Console()
    console.expect({"audio": 2, "sampling": 96, "encoding": 2})
    console("audio", 1, 1)
    console("sampling", 50, 100)  # resumed in the middle
    now[0] = 60.0
    console("sampling", 60, 100)
    console.bar.refresh()
    console.close()
    assert "Finding the motion:  60%" in shown.getvalue()
    assert "about 4 min left" in shown.getvalue()  # 40 % of 96 at 9.6 a minute, then 2
