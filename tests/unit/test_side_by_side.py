"""Two pieces of work at the same time give what one after the other gives."""

import threading
from functools import partial

import pytest

from sonic_core.progress import ignore
from sonic_core.side_by_side import side_by_side
from sonic_core.threads import sharing


class Told(list):
    """Reports, and the threads that they came in."""

    def __call__(self, stage, done, total, preview=None):
        self.append((stage, done, threading.current_thread()))


def telling(stage, progress):
    for done in range(2):
        progress(stage, done, 1)
    return stage, threading.current_thread()


@pytest.mark.parametrize("cores", [1, 2])
def test_reports_come_in_the_usual_order_and_thread(cores):
    told = Told()
    with sharing(cores):
        first, second = side_by_side(partial(telling, "audio", told), partial(telling, "portrait"), told)
    here = threading.current_thread()
    assert told == [(stage, done, here) for stage in ("audio", "portrait") for done in range(2)]
    assert (first[0], second[0]) == ("audio", "portrait")
    assert (second[1] is here) == (cores == 1)


def test_both_are_at_work_together():
    begun = threading.Barrier(2, timeout=60)
    with sharing(2):
        side_by_side(begun.wait, lambda progress: begun.wait(), ignore)


def failing(words, *_):
    raise ValueError(words)


@pytest.mark.parametrize("cores", [1, 2])
def test_the_first_error_is_the_one_that_comes(cores):
    told = Told()
    with sharing(cores), pytest.raises(ValueError, match="first"):
        side_by_side(partial(failing, "first"), partial(telling, "portrait"), told)
    assert told == []
    with sharing(cores), pytest.raises(ValueError, match="second"):
        side_by_side(partial(telling, "audio", told), partial(failing, "second"), told)
    assert [stage for stage, *_ in told] == ["audio", "audio"]


@pytest.mark.parametrize("cores", [1, 2])
def test_whoever_is_told_may_stop_it(cores):
    def stop(stage, done, total, preview=None):
        raise KeyboardInterrupt(stage)

    with sharing(cores), pytest.raises(KeyboardInterrupt, match="portrait"):
        side_by_side(lambda: None, partial(telling, "portrait"), stop)
