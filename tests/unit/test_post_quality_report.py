"""The quality report: each figure reacts to the fault it is named after, and the report can be read by people and programs."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest
from portrait_samples import sample

from sonic_core import cli
from sonic_core.frames import FrameStream
from sonic_core.post.quality_report import count_blinks, measure_quality
from sonic_core.post.report_page import as_dict, report_bytes
from sonic_core.post.sharpness import cpbd


@pytest.fixture(scope="module")
def still() -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(sample(), (256, 256), interpolation=cv2.INTER_AREA))


def stream(frames: list[np.ndarray]) -> FrameStream:
    return FrameStream.from_array(np.stack(frames), 25)


@pytest.fixture(scope="module")
def calm(still):
    return measure_quality(stream([still] * 12), None)


def test_a_still_picture_has_no_faults(calm):
    assert calm.found_share == 1
    assert (calm.flicker, calm.luma_steps) == (0, ())
    assert calm.geometry_drift < 0.01
    assert calm.colour_drift < 0.5
    assert calm.yaw_range < 0.5
    assert "no sound" in calm.notes[0]


def test_brightness_that_jumps_is_found_at_its_frame(still):
    bright = np.clip(still.astype(int) + 4, 0, 255).astype(np.uint8)
    quality = measure_quality(stream([still] * 6 + [bright] * 6), None)
    assert quality.luma_steps == (6,)
    assert quality.flicker > 0.5


def test_skin_that_changes_its_colour_drifts(still):
    red = np.clip(still + np.array([14, 0, -8]), 0, 255).astype(np.uint8)
    quality = measure_quality(stream([still] * 6 + [red] * 6), None)
    assert quality.colour_drift > 4


def test_a_face_that_changes_its_shape_drifts_and_one_that_tilts_does_not(still, calm):
    wide = cv2.resize(still, (320, 256))[:, 32:288]
    turn = cv2.getRotationMatrix2D((128, 128), 8, 1)
    tilted = cv2.warpAffine(still, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    changed = measure_quality(stream([still] * 4 + [np.ascontiguousarray(wide)] * 8), None)
    moved = measure_quality(stream([still] * 4 + [tilted] * 8), None)
    assert changed.geometry_drift > 2 * moved.geometry_drift
    assert 6 < moved.roll_range < 10


def test_sharpness_falls_with_blur(still):
    values = [cpbd(still if sigma == 0 else cv2.GaussianBlur(still, (0, 0), sigma)) for sigma in (0, 0.7, 1.5)]
    assert values[0] > 2 * values[1] > 2 * values[2]
    assert np.isnan(cpbd(np.full((128, 128, 3), 90, np.uint8)))


def test_blinks_are_counted_and_a_long_glance_down_is_none():
    lids = np.full(250, 0.3) + np.random.default_rng(0).normal(0, 0.002, 250)
    for start in (40, 120, 200):
        lids[start : start + 5] *= (0.9, 0.6, 0.5, 0.7, 0.9)
    assert count_blinks(lids, 25) == 3
    lids[150:175] *= 0.7
    assert count_blinks(lids, 25) == 3


def test_frames_without_a_face_are_told():
    quality = measure_quality(stream([np.full((128, 128, 3), 90, np.uint8)] * 4), None)
    assert quality.found_share == 0
    assert as_dict(quality)["geometry_drift"] is None


def test_the_page_stands_alone_and_has_a_plot_per_curve(calm):
    text = report_bytes(calm, ".html", "<clip>").decode()
    assert "&lt;clip&gt;" in text
    assert text.count("<svg") == len(calm.curves)
    assert not re.search(r"<script|https?://", text)


def test_json_has_every_figure_and_every_curve(calm):
    values = json.loads(report_bytes(calm, ".json", "clip"))
    assert values["frames"] == 12
    assert all(len(curve) == 12 for curve in values["curves"].values())


def test_command_line_writes_the_report_and_refuses_other_kinds_before_the_work(tmp_path, capsys):
    common = ["demo", "--min-resolution", "256", "--duration", "0.4", "--length-policy", "trim", "--json"]
    output = ["--output", str(tmp_path / "a.mp4")]
    assert cli.main([*common, *output, "--report", str(tmp_path / "a.txt")]) == 1
    assert list(tmp_path.iterdir()) == []
    capsys.readouterr()
    assert cli.main([*common, *output, "--report", str(tmp_path / "a.json")]) == 0
    quality = json.loads(capsys.readouterr().out)["quality"]
    assert quality["frames"] == json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["frames"] == 10
