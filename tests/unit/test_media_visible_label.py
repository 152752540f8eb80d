"""The visible label: large enough, long enough, readable on anything, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest

from sonic_core import cli
from sonic_core.errors import SettingsError
from sonic_core.frames import FrameStream
from sonic_core.media.visible_label import CORNERS, TEXTS, VisibleLabel, with_visible_label


def plain(value: int, length: int = 3, width: int = 384, height: int = 256, fps: float = 25) -> FrameStream:
    return FrameStream(
        length, width, height, fps, lambda: (np.full((height, width, 3), value, np.uint8) for _ in range(length))
    )


def labelled(value: int, label: VisibleLabel, **size: float) -> np.ndarray:
    return next(iter(with_visible_label(plain(value, **size), label)))


@pytest.mark.parametrize("language", list(TEXTS))
@pytest.mark.parametrize(("width", "height"), [(256, 256), (256, 454), (1024, 576), (576, 1024), (3840, 2160)])
def test_letters_are_at_least_a_twentieth_of_the_short_side(language, width, height):
    white = (labelled(0, VisibleLabel(language=language), width=width, height=height)[..., 0] > 200).any(axis=1)
    assert white.sum() >= 0.05 * min(width, height)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_letters_stand_out_on_dark_and_light(value):
    frame = labelled(value, VisibleLabel()).astype(float)
    rows, columns = np.where((frame != value).any(axis=2))
    plate = frame[rows.min() : rows.max(), columns.min() : columns.max()]
    light, dark = ((np.quantile(plate, q) / 255) ** 2.2 for q in (0.999, 0.5))
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.1, contrast of text


@pytest.mark.parametrize("corner", CORNERS)
def test_label_stands_in_its_corner_and_the_rest_is_untouched(corner):
    rows, columns = np.where((labelled(90, VisibleLabel(corner=corner)) != 90).any(axis=2))
    assert (rows.max() < 128) == corner.startswith("top")
    assert (columns.max() < 200) == corner.endswith("left")
    assert min(rows.min(), columns.min()) > 0
    assert (rows.max(), columns.max()) < (255, 383)
    assert len(rows) < 0.2 * 384 * 256


@pytest.mark.parametrize(("span", "fps", "expected"), [("start", 25, 50), ("start", 29.97, 60), ("always", 25, 80)])
def test_label_stays_two_seconds_or_always(span, fps, expected):
    marked = [(frame != 90).any() for frame in with_visible_label(plain(90, 80, fps=fps), VisibleLabel(span))]
    assert marked == [True] * expected + [False] * (80 - expected)


def test_without_a_label_the_stream_is_the_same():
    frames = plain(90)
    assert with_visible_label(frames, None) is frames


def test_the_frames_that_come_in_are_not_written_to():
    frames = np.full((1, 256, 384, 3), 90, np.uint8)
    next(iter(with_visible_label(FrameStream.from_array(frames, 25), VisibleLabel())))
    assert (frames == 90).all()


def test_languages_draw_different_words():
    assert (labelled(0, VisibleLabel(language="en")) != labelled(0, VisibleLabel(language="zh"))).any()


def test_every_usual_text_can_be_drawn_and_an_unknown_character_is_named():
    for text in (*TEXTS.values(), "本视频由人工智能生成", "Généré par IA", "KI-erzeugt"):
        labelled(0, VisibleLabel(text=text))
    with pytest.raises(SettingsError, match="한"):
        labelled(0, VisibleLabel(text="AI 한"))


def test_a_text_that_does_not_fit_is_refused():
    with pytest.raises(SettingsError, match="shorter text"):
        labelled(0, VisibleLabel(text="made by a machine " * 4))


@pytest.mark.parametrize("wrong", [{"span": "x"}, {"language": "fr"}, {"corner": "x"}, {"size": 0.04}, {"text": "  "}])
def test_wrong_choices_are_refused(wrong):
    with pytest.raises(SettingsError):
        VisibleLabel(**wrong)


def test_command_line_draws_the_label(tmp_path):
    import av

    common = [
        "demo",
        "--min-resolution",
        "256",
        "--duration",
        "0.2",
        "--length-policy",
        "trim",
        "--quiet",
        "--crf",
        "8",
    ]
    pictures = []
    for name, options in (("a.mp4", []), ("b.mp4", ["--visible-label", "always", "--label-corner", "top_left"])):
        assert cli.main([*common, "--output", str(tmp_path / name), *options]) == 0
        with av.open(str(tmp_path / name)) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int))
    difference = np.abs(pictures[0] - pictures[1]).max(axis=2)
    assert difference[:64, :120].max() > 60
    assert difference[100:].max() < 25
