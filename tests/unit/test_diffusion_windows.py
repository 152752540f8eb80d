from itertools import pairwise

import numpy as np
import pytest

from sonic_core.diffusion.windows import CircularWindows, FewestWindows, OpenWindows
from sonic_core.errors import SettingsError

LENGTHS = (1, 2, 17, 24, 25, 26, 31, 49, 50, 60, 125, 126)
FEWEST = [(FewestWindows, length) for length in (63, 90, 118)]  # with room to move: 12, 10 and 7 frames
LAYOUTS = ((25, 0, 7), (25, 6, 7), (14, 7, 3), (25, 24, 1), (1, 0, 1), (8, 3, 0))


@pytest.mark.parametrize("kind", [CircularWindows, OpenWindows, FewestWindows])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_frame_is_in_a_window_at_every_step(kind, layout, length):
    windows = kind(*layout)
    for step in range(9):
        assert set(np.concatenate(list(windows(length, step))).tolist()) == set(range(length))


@pytest.mark.parametrize("kind", [OpenWindows, FewestWindows])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("length", LENGTHS)
def test_open_windows_are_runs_of_frames_of_one_size(kind, layout, length):
    windows = kind(*layout)
    for step in range(9):
        for frames in windows(length, step):
            assert len(frames) == min(windows.size, length)
            assert np.array_equal(frames, np.arange(frames[0], frames[-1] + 1))


@pytest.mark.parametrize("length", [26, 50, 60, 125])
def test_open_windows_never_join_the_end_to_the_start_and_circular_ones_do(length):
    def joins(windows):
        return any({0, length - 1} <= set(w.tolist()) for step in range(9) for w in windows(length, step))

    assert joins(CircularWindows(25))
    assert not joins(OpenWindows(25))


@pytest.mark.parametrize("length", LENGTHS)
def test_open_windows_cost_at_most_one_window_more_than_circular_ones(length):
    for layout in LAYOUTS:
        for step in range(9):
            circular, opened = (len(list(kind(*layout)(length, step))) for kind in (CircularWindows, OpenWindows))
            assert opened <= circular + 1


def test_circular_windows_are_those_of_the_paper():
    windows = CircularWindows(25)
    assert [(int(w[0]), int(w[-1])) for w in windows(125, 0)] == [(0, 24), (25, 49), (50, 74), (75, 99), (100, 124)]
    assert [(int(w[0]), int(w[-1])) for w in windows(60, 1)] == [(53, 17), (18, 42), (43, 7)]
    assert windows(17, 0).__next__().tolist() == [*range(17), *range(8)]


@pytest.mark.parametrize(
    ("kind", "length"), [(CircularWindows, 200), (OpenWindows, 200), (FewestWindows, 200), *FEWEST]
)
def test_seams_move_from_step_to_step(kind, length):
    windows = kind(25)
    starts = [{int(w[0]) for w in windows(length, step)} - {0, length - 25} for step in range(25)]
    assert all(not a & b for a, b in pairwise(starts))


@pytest.mark.parametrize("length", range(26, 130))
def test_the_fewest_windows_are_as_many_as_the_length_needs_where_they_have_room_to_move(length):
    fewest, opened = (
        [len(list(kind(25)(length, step))) for step in range(25)] for kind in (FewestWindows, OpenWindows)
    )
    needed = -(-length // 25)
    assert fewest == ([needed] * 25 if -length % 25 >= 7 else opened)
    assert sum(fewest) <= sum(opened)


@pytest.mark.parametrize(("size", "overlap"), [(25, 25), (25, 30), (0, 0), (25, -1)])
def test_an_overlap_that_leaves_no_stride_is_an_error(size, overlap):
    for kind in (CircularWindows, OpenWindows):
        with pytest.raises(SettingsError, match="overlap"):
            kind(size, overlap)


def test_an_empty_clip_is_an_error():
    with pytest.raises(SettingsError, match="0 frames"):
        next(OpenWindows(25)(0, 0))
