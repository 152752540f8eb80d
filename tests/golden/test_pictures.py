"""The look: poses of six portraits and a second of video are those that somebody looked at."""

from __future__ import annotations

import json

import pytest

from . import faces, pictures, video

ADVICE = "If this is meant, renew the goldens and look at the page: tests/golden/README.md."


@pytest.mark.parametrize("name", faces.PORTRAITS)
def test_poses_look_as_before(name):
    golden = pictures.load(name, [label for label, _ in faces.poses(name)])
    check(pictures.compare(golden, faces.frames(name), faces.portrait(name)))


def test_video_looks_as_before():
    check(pictures.compare(pictures.load("video", video.LABELS), video.frames(), faces.portrait(video.WHO)))


def test_portraits_are_understood_as_before():
    assert {name: faces.understood(name) for name in faces.PORTRAITS} == json.loads(
        (pictures.STORED / "portraits.json").read_text(encoding="utf-8")
    ), f"Golden: a portrait's style or notes changed. {ADVICE}"


def check(differences: list[pictures.Difference]) -> None:
    seen = [str(difference) for difference in differences if difference.seen]
    assert not seen, "\n".join([f"Golden: {len(seen)} regions changed. {ADVICE}", *seen])
