"""Lips do what the parameters say, measured in the pixels by a meter that shares nothing with the renderer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from renderer_samples import closeup, lip_gap, renderer

from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer.head import head_frame


@pytest.fixture(scope="module")
def closed():
    return renderer().render(parameters(close=1, rest=1))


def test_measured_lip_gap_follows_the_jaw(closed):
    jaw = np.linspace(0, 1, 11)
    gaps = [lip_gap(renderer().render(parameters(jaw=j, rest=1)), closed, closeup()) for j in jaw]
    assert np.corrcoef(jaw, gaps)[0, 1] >= 0.95
    assert gaps[-1] == pytest.approx(0.30, abs=0.08)


@pytest.mark.parametrize("jaw", [0, 0.3, 0.7, 1])
def test_lips_close_fully_on_press_whatever_the_jaw(closed, jaw):
    assert lip_gap(renderer().render(parameters(jaw=jaw, close=1, press=1)), closed, closeup()) <= 0.01


def test_an_open_picture_is_not_closed(closed):
    assert lip_gap(closeup().image, closed, closeup()) > 0.08


def test_rest_takes_the_pictured_opening_away_bit_by_bit(closed):
    gaps = [lip_gap(renderer().render(parameters(rest=r)), closed, closeup()) for r in (0.3, 0.6, 0.9)]
    assert gaps[0] > gaps[1] > gaps[2]


def test_rounding_narrows_and_darkens_the_opening():
    """The teeth of a smile must not stay in the small round opening of oo."""
    points = closeup().landmarks[[13, 14], :2].mean(0)
    iod = head_frame(closeup().landmarks).iod
    x, y, r = int(points[0]), int(points[1]), int(0.04 * iod)
    patch = np.s_[y - r : y + r, x - r : x + r]
    rounded = renderer().render(parameters(jaw=0.24, pucker=0.95, rest=0.45))[patch].mean()
    stretched = renderer().render(parameters(jaw=0.24, stretch=0.9, rest=0.45))[patch].mean()
    assert rounded < 0.7 * stretched


def dark_shapes(frame: np.ndarray) -> list[np.ndarray]:
    """Outlines, the largest first, of what is far darker than skin round the mouth of the close-up."""
    iod = head_frame(closeup().landmarks).iod
    x, y = closeup().landmarks[[13, 14, 61, 291], :2].mean(0).astype(int)
    reach = int(0.55 * iod)
    area = cv2.GaussianBlur(frame[y - reach // 2 : y + int(1.45 * reach), x - reach : x + reach], (0, 0), 1)
    lightness = cv2.cvtColor(area, cv2.COLOR_RGB2LAB)[..., 0]
    dark = (lightness < 0.5 * np.median(lightness)).astype(np.uint8)
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sorted(outlines, key=cv2.contourArea, reverse=True)


@pytest.mark.parametrize(("jaw", "pucker"), [(0.1, 1), (0.24, 0.95), (0.5, 0.6)])
def test_rounded_lips_of_a_smile_show_one_smooth_opening(jaw, pucker):
    """Neither the dark corners of the smile beside it nor corners in its outline: its area nearly fills its convex hull."""
    shapes = dark_shapes(renderer().render(parameters(jaw=jaw, pucker=pucker, rest=0.45)))
    assert len(shapes) == 1
    assert cv2.contourArea(shapes[0]) > 0.92 * cv2.contourArea(cv2.convexHull(shapes[0]))


def test_lips_of_a_smile_close_without_dark_corners():
    assert dark_shapes(renderer().render(parameters(jaw=0.1, close=1, press=0.5))) == []


def test_closed_eyes_hide_the_dark_iris():
    iris = closeup().irises[0]
    x, y = iris[0].astype(int)
    r = max(2, int(0.3 * np.linalg.norm(iris[1] - iris[0])))
    patch = np.s_[y - r : y + r, x - r : x + r]
    shut = renderer().render(parameters(blink_r=1))[patch].mean()
    assert shut > closeup().image[patch].mean() + 40


def test_one_eye_winks_alone():
    frame = renderer().render(parameters(blink_l=1))
    x, y = closeup().irises[0, 0].astype(int)
    assert (
        np.abs(frame[y - 3 : y + 4, x - 3 : x + 4].astype(int) - closeup().image[y - 3 : y + 4, x - 3 : x + 4]).max()
        <= 1
    )


def flow_at(frame: np.ndarray, before: np.ndarray, landmarks: tuple[int, ...]) -> np.ndarray:
    """Mean optical flow (right, down) at landmarks of the close-up, IOD."""
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, frame)]
    flow = cv2.calcOpticalFlowFarneback(*gray, None, 0.5, 4, 21, 5, 7, 1.5, 0)
    x, y = closeup().landmarks[list(landmarks), :2].astype(int).T
    return flow[y, x].mean(0) / head_frame(closeup().landmarks).iod


@pytest.mark.parametrize(("inner", "outer", "towards"), [((55, 107), (46, 70), 1), ((285, 336), (276, 300), -1)])
def test_a_frown_pulls_the_inner_ends_of_the_brows_down_and_together(inner, outer, towards):
    frown = renderer().render(parameters(brow=-0.5))
    inner_flow, outer_flow = (flow_at(frown, closeup().image, end) for end in (inner, outer))
    assert inner_flow[1] > 0.02
    assert inner_flow[1] > 1.5 * outer_flow[1]
    assert towards * inner_flow[0] > 0.01


def test_a_negative_smile_lowers_the_corners_and_keeps_lips_shut(closed):
    sad = renderer().render(parameters(close=1, rest=1, smile=-0.5))
    for corner in (61, 291):
        assert flow_at(sad, closed, (corner,))[1] > 0.01
    assert lip_gap(sad, closed, closeup()) <= 0.01
