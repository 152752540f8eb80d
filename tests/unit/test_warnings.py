"""What a picture cannot do is told by everything that makes a clip of it: library, command line, its JSON, the report, the sheet."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonic_core import cli
from sonic_core.audio.clip import AudioClip
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.job import Job
from sonic_core.pipeline import Loaded, generate
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings

STATUE = Path(__file__).parents[1] / "golden" / "portraits" / "statue.webp"
SAID = "does not blink"
SHORT = ["--duration", "0.2", "--length-policy", "trim", "--min-resolution", "256"]


@pytest.fixture(scope="module")
def engine():
    return LiteEngine()


@pytest.fixture(scope="module")
def statue(tmp_path_factory):
    return load_portrait(STATUE, cache_dir=tmp_path_factory.mktemp("cache"))


def silence(seconds=0.2):
    return AudioClip(np.zeros((1, round(seconds * 16_000)), np.float32), 16_000, "silence")


def test_the_engine_tells_before_anything_is_drawn(engine, statue):
    assert any(SAID in warning for warning in engine.prepare(statue, silence(), Settings()).warnings)


def test_a_face_that_is_hardly_a_persons_is_a_warning(engine):
    portrait = load_portrait(PORTRAIT)
    doubtful = replace(portrait, report=replace(portrait.report, misfit=0.5))
    (warning,) = engine.prepare(doubtful, silence(), Settings(min_resolution=256)).warnings
    assert "hardly looks like a person" in warning


@pytest.mark.parametrize(("yaw", "told"), [(-39.0, True), (35.0, True), (32.0, False)])
def test_a_head_turned_too_far_is_a_warning(engine, yaw, told):
    portrait = load_portrait(PORTRAIT)
    turned = replace(portrait, report=replace(portrait.report, yaw=yaw))
    warnings = engine.prepare(turned, silence(), Settings(min_resolution=256)).warnings
    assert any("corners of the mouth tear" in warning for warning in warnings) == told


def test_a_picture_that_can_do_everything_has_no_warnings(engine):
    assert engine.prepare(load_portrait(PORTRAIT), silence(), Settings(min_resolution=256)).warnings == ()


def test_the_library_hands_them_on_and_logs_each_once(engine, statue, tmp_path, caplog):
    job = Job(None, None, tmp_path / "a.mp4", Settings(min_resolution=256))
    made = generate(job, Loaded(engine, statue, silence()))
    assert any(SAID in warning for warning in made.warnings)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == list(made.warnings)


def test_generate_tells_them_on_the_screen_in_json_and_in_the_report(tmp_path, capsys):
    page = tmp_path / "report.html"
    arguments = ["--image", str(STATUE), "--audio", str(SPEECH), "--output", str(tmp_path / "a.mp4"), *SHORT]
    assert cli.main(["generate", *arguments, "--json", "--report", str(page)]) == 0
    shown = capsys.readouterr()
    assert any(SAID in warning for warning in json.loads(shown.out)["warnings"])
    assert SAID in page.read_text(encoding="utf-8")
    assert any(line.startswith("Warning: ") and SAID in line for line in shown.err.splitlines())


def test_the_sheet_tells_them(tmp_path, capsys):
    arguments = ["sheet", "--image", str(STATUE), "--output", str(tmp_path / "sheet.png"), "--json"]
    assert cli.main(arguments) == 0
    assert any(SAID in warning for warning in json.loads(capsys.readouterr().out)["warnings"])
