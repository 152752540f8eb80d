"""Interpolation: any frame rate, exact in number and time, nothing blended across a cut, two frames in memory."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sonic_samples import seeded

from sonic_core.between.clip_interpolation import interpolator
from sonic_core.between.flow_interpolation import flow_between
from sonic_core.between.flownet import load_flownet
from sonic_core.between.flownet_file import FLOWNET
from sonic_core.between.interpolation import interpolated, is_cut, resampled
from sonic_core.between.rife import IFNet
from sonic_core.between.rife_interpolation import PARTS, halving, rife_between
from sonic_core.errors import ModelMissingError, OutputError, SettingsError
from sonic_core.frames import FrameStream, exact_rate
from sonic_core.models.locate import find

SIDE = 96
RATES = [23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 12.5, 120]


def texture(seed: int = 0, width: int = SIDE) -> np.ndarray:
    """A soft random pattern, RGB float32."""
    noise = np.random.default_rng(seed).normal(0, 60, (SIDE, width, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 4) * 5 + 120, 20, 235)


def panned(x: float) -> np.ndarray:
    """The pattern seen by a camera at `x` px, exact to a fraction of a pixel."""
    wide = texture(width=4 * SIDE)
    matrix = np.float32([[1, 0, -x], [0, 1, 0]])
    return np.rint(cv2.warpAffine(wide, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)).astype(np.uint8)


def panning(count: int = 12, fps: float = 25.0, speed: float = 75.0) -> FrameStream:
    """A camera that moves `speed` px per second."""
    return FrameStream.from_array(np.stack([panned(speed * i / fps) for i in range(count)]), fps)


def numbered(count: int, fps: float = 25.0) -> FrameStream:
    """Frames whose level is their number: no picture has to be made for a test of time."""
    return FrameStream.from_array(np.stack([np.full((16, 16, 3), i, np.uint8) for i in range(count)]), fps)


def ifnet() -> IFNet:
    """RIFE's network, narrow and untrained."""
    return seeded(7, lambda: IFNet(8))


def linear(first, second):
    return lambda time: first * (1 - time) + second * time


def levels(frames) -> np.ndarray:
    return np.array([float(frame.mean()) for frame in frames])


def rms(a, b) -> float:
    inner = np.s_[8:-8, 8:-8]
    return float(np.sqrt(np.mean((a[inner].astype(float) - b[inner]) ** 2)))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("count", [1, 2, 25, 83])
def test_the_number_of_frames_is_the_duration_times_the_rate(fps, count):
    made = interpolated(numbered(count), fps)
    assert len(made) == max(1, round(count / 25 * fps))
    assert len(list(made)) == len(made)
    assert made.fps == fps


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("seconds", [0.337, 1.003, 3.337])
def test_with_a_duration_the_frames_end_with_the_sound(fps, seconds):
    made = interpolated(numbered(max(1, round(seconds * 25))), fps, duration=seconds)
    assert len(list(made)) == len(made) == max(1, round(seconds * fps))
    assert abs(made.duration - seconds) <= 0.5 / fps + 1e-6


@pytest.mark.parametrize("fps", RATES)
def test_frame_i_shows_the_time_i_over_fps_without_drift(fps):
    step = exact_rate(25) / exact_rate(fps)
    shown = list(resampled((float(i) for i in range(2000)), step, 2000, linear))
    expected = np.minimum(np.arange(2000) * 25 / float(exact_rate(fps)), 1999)
    np.testing.assert_allclose(shown, expected, atol=1e-9)


def test_a_rate_that_is_written_short_is_the_fraction_it_stands_for():
    assert [exact_rate(fps) for fps in (29.97, 23.976, 59.94, 25, 12.5, 60)] == [
        Fraction(30000, 1001),
        Fraction(24000, 1001),
        Fraction(60000, 1001),
        25,
        Fraction(25, 2),
        60,
    ]


@pytest.mark.parametrize("fps", [50, 100])
def test_frames_at_old_times_are_the_old_frames_bit_by_bit(fps):
    frames = panning(6)
    made = list(interpolated(frames, fps))
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(made[i * fps // 25], frame)


def test_at_its_own_rate_a_clip_comes_back_as_it_is():
    frames = panning(3)
    assert interpolated(frames, 25) is frames


@pytest.mark.parametrize("fps", [30, 50, 60, 29.97])
def test_a_steady_pan_stays_steady(fps):
    made = list(interpolated(panning(12), fps))
    for i in range(int(11 / 25 * fps)):
        place = 75 * i / float(exact_rate(fps))
        assert rms(made[i], panned(place)) < 2.5, i
        assert rms(made[i], panned(place)) < rms(made[i], panned(place + 0.5)), i
        assert rms(made[i], panned(place)) < rms(made[i], panned(place - 0.5)), i


def test_optical_flow_is_far_better_than_blending():
    first, middle, second = panned(0), panned(3), panned(6)
    blended = (first.astype(float) + second) / 2
    assert rms(flow_between(first, second)(0.5), middle) < 0.2 * rms(blended, middle)


def test_fewer_frames_can_be_asked_for():
    np.testing.assert_allclose(levels(interpolated(numbered(9), 12.5)), [0, 2, 4, 6])
    assert len(list(interpolated(panning(10), 24))) == round(10 / 25 * 24)


def test_after_the_last_frame_it_is_held():
    made = list(interpolated(numbered(3), 50, duration=0.2))
    assert len(made) == 10
    assert levels(made[4:]).tolist() == [2] * 6


def test_a_cut_is_not_blended():
    first, second = texture(1).astype(np.uint8), texture(2).astype(np.uint8)
    made = list(interpolated(FrameStream.from_array(np.stack([first, first, second, second]), 25), 100))
    for frame in made:
        assert (frame == first).all() or (frame == second).all()
    assert [bool((frame == second).all()) for frame in made].index(True) == 6  # nearer to the second from the middle on


def test_motion_blinks_and_fades_are_no_cuts():
    frame = panned(0)
    lid = frame.copy()
    lid[20:30, 20:70] = (190, 150, 130)
    for other in (panned(6), lid, (frame * 0.8).astype(np.uint8)):
        assert not is_cut(frame, other)
    assert is_cut(frame, texture(9).astype(np.uint8))


def test_a_still_picture_stays_bit_identical():
    frame = texture(3).astype(np.uint8)
    for made in interpolated(FrameStream.from_array(np.stack([frame] * 5), 25), 60):
        np.testing.assert_array_equal(made, frame)


def test_what_appears_between_lips_is_soft_and_not_torn():
    """Teeth come out of nowhere: no flow explains them, so the picture between is a blend and nothing else."""
    closed = np.full((SIDE, SIDE, 3), (200, 150, 130), np.uint8)
    opened = closed.copy()
    opened[40:56, 24:72] = (60, 25, 25)
    opened[40:47, 28:68] = (235, 230, 220)
    opened[40:47, 36:68:8] = (120, 110, 100)
    made = flow_between(closed, opened)(0.5).astype(float)
    low, high = np.minimum(closed, opened).astype(float), np.maximum(closed, opened).astype(float)
    assert (made >= low.min() - 1).all()
    assert (made <= high.max() + 1).all()
    blended = (closed.astype(float) + opened) / 2
    assert np.sqrt(np.mean((made[36:60, 20:76] - blended[36:60, 20:76]) ** 2)) < 25


def test_it_is_repeatable_and_leaves_its_input_alone():
    frames = np.stack(list(panning(5)))
    kept = frames.copy()
    passes = [np.stack(list(interpolated(FrameStream.from_array(frames, 25), 60))) for _ in range(2)]
    np.testing.assert_array_equal(*passes)
    np.testing.assert_array_equal(frames, kept)


def test_frames_are_read_as_late_as_possible():
    read = []

    def endless():
        for i in range(10_000):
            read.append(i)
            yield np.full((16, 16, 3), i % 2, np.uint8)

    made = iter(interpolated(FrameStream(10_000, 16, 16, 25, endless), 50))
    for i in range(60):
        next(made)
        assert len(read) <= i // 2 + 2


@pytest.mark.parametrize("size", [(17, 23), (16, 16), (33, 64)])
def test_odd_and_small_sizes(size):
    frames = np.random.default_rng(0).integers(0, 255, (3, *size, 3), dtype=np.uint8)
    frames[1:] = frames[0] // 2 + frames[1:] // 2
    assert [frame.shape for frame in interpolated(FrameStream.from_array(frames, 25), 50)] == [(*size, 3)] * 6


@pytest.mark.parametrize("fps", [0, -25, 0.5, 241, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_an_error(fps):
    with pytest.raises(SettingsError, match="fps is"):
        interpolated(numbered(2), fps)


def test_no_frames_are_an_error():
    with pytest.raises(OutputError, match="0 frames"):
        interpolated(FrameStream(0, 16, 16, 25, lambda: iter(())), 50)


# RIFE


def test_halving_gives_the_nearest_eighth_and_makes_each_picture_once():
    asked = []

    def middle(first, second):
        asked.append((first, second))
        return (first + second) / 2

    at = halving(middle)(0.0, 1.0)
    for time in np.linspace(0.01, 0.99, 50):
        assert at(time) == pytest.approx(round(time * PARTS) / PARTS)
    assert len(asked) == len(set(asked)) == PARTS - 1


def test_rife_makes_frames_of_any_size_on_its_own():
    frames = FrameStream.from_array(np.stack([panned(2 * i)[:70, :50] for i in range(3)]), 25)
    made = list(interpolated(frames, 50, rife_between(ifnet())))
    assert [frame.shape for frame in made] == [(70, 50, 3)] * 6
    np.testing.assert_array_equal(made[2], list(frames)[1])


def test_rife_gives_the_same_middle_from_both_sides():
    between = rife_between(ifnet())
    first, second = panned(0), panned(4)
    difference = between(first, second)(0.5).astype(int) - between(second, first)(0.5)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("place", ["sonic/RIFE/flownet.pkl", "RIFE/flownet.pkl"])
def test_weights_of_rife_are_found_in_the_models_folder(tmp_path, place):
    net = ifnet()
    (tmp_path / place).parent.mkdir(parents=True)
    assert find(FLOWNET, [tmp_path]) is None
    torch.save({f"module.{key}": value for key, value in net.state_dict().items()}, tmp_path / place)
    loaded = load_flownet(find(FLOWNET, [tmp_path]))
    a, b = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded(a, b), net(a, b))


def test_a_folder_that_networks_share_is_searched_for_this_one(tmp_path):
    shared = tmp_path / "frame_interpolation"
    shared.mkdir()
    foreign = {f"block0.conv0.{i}.0.weight": torch.zeros(width, 7, 3, 3) for i, width in ((0, 96), (1, 192))}
    save_file(foreign, shared / "rife_v4.26.safetensors")
    (shared / "film.pth").write_bytes(b"nothing")
    assert find(FLOWNET, [tmp_path]) is None
    assert interpolator("auto", [tmp_path]) is flow_between
    with pytest.raises(ModelMissingError, match=r"other networks \(film\.pth, rife_v4\.26\.safetensors\)"):
        interpolator("rife", [tmp_path])
    net = ifnet()
    torch.save(net.state_dict(), shared / "rife_hd.pth")
    assert find(FLOWNET, [tmp_path]) == shared / "rife_hd.pth"
    assert find(FLOWNET, [tmp_path / "none"], [shared]) == shared / "rife_hd.pth"


def test_weights_of_another_network_are_refused_in_words(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "flownet.pkl")
    with pytest.raises(ModelMissingError, match="not those of IFNet"):
        load_flownet(tmp_path / "flownet.pkl")
