"""The renderer's small tools: light, curves, paths, parameters."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest

from sonic_core.curves import cheapest_path, gaussian, running_maximum, running_median, smoothstep
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS, clamp, neutral, parameters
from sonic_core.engines.lite.renderer.geometry import smooth_curve, thin_plate_spline
from sonic_core.engines.lite.renderer.linear_light import to_linear, to_srgb
from sonic_core.engines.lite.renderer.source import SourcePicture


def test_light_round_trips_exactly():
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_srgb(to_linear(every)), every)


def test_doubled_source_keeps_the_original_samples():
    picture = np.random.default_rng(0).integers(0, 256, (31, 44, 3), dtype=np.uint8)
    assert np.array_equal(SourcePicture.of(picture).doubled[::2, ::2, :3], picture)


@pytest.mark.parametrize("shape", [(31, 44, 3), (9, 7, 4)])
def test_doubled_source_is_that_of_opencv_within_one(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    halves, size = np.array([[0.5, 0, 0], [0, 0.5, 0]]), (2 * shape[1], 2 * shape[0])
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(picture, halves, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    alpha = picture[..., 3] if shape[2] == 4 else None
    doubled = SourcePicture.of(picture[..., :3], alpha).doubled[..., : shape[2]]
    assert np.abs(doubled.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("side", [40, 600], ids=["kept in the cache", "read ahead"])
@pytest.mark.parametrize("moved", [0, 3, -2000], ids=["inside", "over the edge", "outside"])
def test_a_frame_filled_strip_by_strip_is_that_sampled_at_once(side, moved):
    random = np.random.default_rng(side)
    picture, alpha = random.integers(0, 256, (side, side, 3), np.uint8), random.integers(0, 256, (side, side), np.uint8)
    source = SourcePicture.of(picture, alpha)
    y, x = np.mgrid[: side - 7, : side - 3].astype(np.float32)
    positions = np.stack([2 * x + 9 * np.sin(y / 20) + moved, 2 * y + 25 * np.sin(x / 30) + moved], -1)
    frame, matte = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8)
    part = np.s_[2 : side - 5, 1 : side - 2]
    source.fill(frame[part], matte[part], positions)
    expected = source.sample_with_alpha(positions)
    assert np.array_equal(frame[part], expected[..., :3])
    assert np.array_equal(matte[part], expected[..., 3])
    assert not frame[: part[0].start].any()
    assert not frame[:, part[1].stop :].any()


def test_smoothstep_is_clamped_and_symmetric():
    assert smoothstep(-1) == 0
    assert smoothstep(2) == 1
    assert smoothstep(0.5) == 0.5


def test_smoothing_leaves_a_straight_line_alone():
    line = np.linspace(-3, 5, 50)
    assert np.allclose(smooth_curve(line, 4), line)


@pytest.mark.parametrize("jump", [1, 2])
def test_no_path_is_cheaper_than_the_cheapest(jump):
    cost = np.random.default_rng(jump).random((4, 5))

    def price(path):
        changes = np.abs(np.diff(path))
        return cost[list(path), range(5)].sum() + 0.3 * changes.sum() if changes.max() <= jump else np.inf

    found = cheapest_path(cost, jump, penalty=0.3)
    assert price(found) == pytest.approx(min(map(price, product(range(4), repeat=5))))


def test_cheapest_path_follows_a_valley():
    rows, columns = np.mgrid[0:40, 0:60]
    valley = 20 + np.rint(6 * np.sin(np.arange(60) / 9)).astype(int)
    path = cheapest_path(np.abs(rows - valley[columns]).astype(float), penalty=0.1)
    assert np.abs(path - valley).max() <= 1


def test_spline_goes_through_its_points():
    rng = np.random.default_rng(1)
    points, values = rng.random((20, 2)), rng.random(20)
    assert np.allclose(thin_plate_spline(points, values, points, 0), values, atol=1e-3)


def test_parameters_have_unique_names_and_contain_their_neutral_value():
    assert len(PARAMETER_INDEX) == len(PARAMETERS)
    assert all(p.low <= p.neutral <= p.high for p in PARAMETERS)
    assert not neutral().any()


def test_clamp_holds_ranges_and_mends_nan():
    held = clamp(np.array([[np.nan] + [99.0] * (len(PARAMETERS) - 1)], np.float32))
    assert held[0, 0] == 0
    assert held[0, 1] == 1
    assert held[0, PARAMETER_INDEX["tx"]] == pytest.approx(0.1)


def test_an_unknown_parameter_is_an_error():
    with pytest.raises(KeyError):
        parameters(nose=1)


@pytest.mark.parametrize("count", [5, 60, 700])
def test_running_filters_give_scipys_numbers_without_its_import(count):
    ndimage = pytest.importorskip("scipy.ndimage")
    curve = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    assert np.allclose(gaussian(curve, 1.7), ndimage.gaussian_filter1d(curve, 1.7, mode="nearest", radius=6), atol=1e-6)
    assert np.array_equal(running_median(curve, 2), ndimage.median_filter(curve, 5, mode="nearest"))
    assert np.array_equal(running_median(curve, 2, "symmetric"), ndimage.median_filter(curve, 5, mode="reflect"))
    assert np.array_equal(running_maximum(curve, 3), ndimage.maximum_filter1d(curve, 7, mode="nearest"))


@pytest.mark.parametrize("smoothing", [0.0, 0.01])
def test_the_spline_gives_scipys_numbers(smoothing):
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(1)
    points, values, query = rng.random((30, 2)), rng.random(30), rng.random((500, 2))
    theirs = interpolate.RBFInterpolator(points, values, kernel="thin_plate_spline", smoothing=smoothing)(query)
    assert np.allclose(thin_plate_spline(points, values, query, smoothing), theirs, atol=1e-9)
