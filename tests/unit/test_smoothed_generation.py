"""Smoothing on the way from the engine to the file: that it acts, and what the file says about it."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from sonic_core import cli
from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.declaration import LITE
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.frames import FrameStream
from sonic_core.job import Job
from sonic_core.media.probe import probe
from sonic_core.pipeline import Loaded, generate
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings
from sonic_core.smoothing.choice import Smoothing

SMALL = Settings(min_resolution=256)
FRAMES = 30


class FlickeringEngine(LiteEngine):
    """The lite engine with a decoder whose frames differ in brightness, sd 2 levels, and that cannot draw any moment."""

    declaration = replace(LITE, draws_any_moment=False)

    def decode(self, conditioning, latents, *progress) -> FrameStream:
        frames = super().decode(conditioning, latents, *progress)

        def start():
            for frame, shift in zip(frames, np.random.default_rng(0).normal(0, 2, len(frames)), strict=True):
                yield np.clip(np.rint(frame + shift), 0, 255).astype(np.uint8)

        return replace(frames, start=start)


@pytest.fixture(scope="module")
def portrait():
    return load_portrait(PORTRAIT)


@pytest.fixture(scope="module")
def speech():
    clip = load_audio(SPEECH)
    return clip.with_samples(clip.samples[:, : round(FRAMES / 25 * clip.rate)])


def make(engine, portrait, speech, target, **choices):
    return generate(Job(None, None, target, SMALL, **choices), Loaded(engine, portrait, speech))


def unrest(made) -> float:
    """Standard deviation of the step of the background's brightness from frame to frame, luma levels."""
    pictures = [cv2.imread(str(path)) for path in sorted(made.path.rglob("*.png"))]
    assert len(pictures) == made.frames
    return float(np.std(np.diff([picture[:40, :40].mean() for picture in pictures])))


@pytest.mark.parametrize("rate", [None, 50.0])
def test_flicker_of_an_engine_is_gone_from_the_file(tmp_path, portrait, speech, rate):
    engine = FlickeringEngine()
    before, after = (
        unrest(make(engine, portrait, speech, tmp_path / f"{name}.png", output_fps=rate, smoothing=smoothing))
        for name, smoothing in (("before", Smoothing()), ("after", Smoothing("flow_ema")))
    )
    assert after < 0.4 * before


def test_the_file_says_how_it_was_smoothed(tmp_path, portrait, speech):
    choice = Smoothing("ema", 0.3)
    made = make(LiteEngine(), portrait, speech, tmp_path / "a.mp4", smoothing=choice)
    settings = json.loads(probe(made.path).metadata["settings"])
    assert (settings["smooth"], settings["smooth_strength"]) == ("ema", 0.3)


def test_without_smoothing_the_file_does_not_speak_of_it(tmp_path, portrait, speech):
    made = make(LiteEngine(), portrait, speech, tmp_path / "a.mp4")
    assert "smooth" not in json.loads(probe(made.path).metadata["settings"])


def test_a_strength_beyond_its_range_is_said_before_the_work(tmp_path, capsys):
    target = tmp_path / "a.mp4"
    assert cli.main(["demo", "--output", str(target), "--smooth", "ema", "--smooth-strength", "2"]) != 0
    assert "strength is 2.0" in capsys.readouterr().err
    assert not target.exists()


def test_the_option_reaches_the_file(tmp_path):
    target = tmp_path / "a.mp4"
    options = ["--min-resolution", "256", "--duration", "0.6", "--length-policy", "trim"]
    assert cli.main(["demo", "--output", str(target), "--smooth", "flow_ema", "--quiet", *options]) == 0
    assert json.loads(probe(target).metadata["settings"])["smooth"] == "flow_ema"
