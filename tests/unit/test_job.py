"""Jobs: written and read without loss, and errors in words for what does not fit."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

import sonic_core
from sonic_core import (
    Encoding,
    FaceChoice,
    Job,
    Labels,
    Settings,
    Signing,
    Smoothing,
    VisibleLabel,
    cli,
    job_from_json,
    job_to_json,
)
from sonic_core.commands.console import Console
from sonic_core.commands.job_options import JOB, job_from
from sonic_core.errors import SettingsError
from sonic_core.job_json import job_from_values

LEAST = {"picture": "me.jpg", "recording": "hello.m4a", "output": "hello.mp4"}
FULL = Job(
    Path("me.jpg"),
    Path("你好.m4a"),
    Path("out/hello.webm"),
    Settings(seed=2**64 - 1, min_resolution=768, framing="face"),
    "sonic",
    {"preset": "fast", "fp8": False, "folders": [Path("models")], "chosen": {"unet": Path("unet.pth")}},
    FaceChoice(box=(1.0, 2.0, 300.0, 400.5), whole_image=True),
    trim_silence=True,
    output_fps=29.97,
    interpolation="flow",
    smoothing=Smoothing("ema", 0.25),
    encoding=Encoding(crf=0, codec="vp9"),
    labels=Labels("me", VisibleLabel("always", "zh"), Signing(Path("a.pem"), Path("b.pem"))),
    tags={"title": "Hello"},
    overwrite=True,
    picture_frame=3,
    background="#00ff00",
)


@pytest.mark.parametrize("job", [FULL, Job(**LEAST), Job(None, None)], ids=["full", "least", "in memory"])
def test_a_job_comes_back_as_it_was_written(job):
    assert job_from_json(job_to_json(job)) == job


def test_every_field_of_a_full_job_is_another_than_the_default():
    plain = Job(None, None)
    assert [item.name for item in fields(Job) if getattr(FULL, item.name) == getattr(plain, item.name)] == []


def test_what_is_left_out_keeps_its_default():
    assert job_from_values({**LEAST, "settings": {"seed": 7}}) == Job(**LEAST, settings=Settings(seed=7))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picure": "a.png"}, r"'picure' is no name in the job\. Did you mean 'picture'"),
        ({"settings": {"sed": 1}}, r"'sed' is no name in settings of the job\. Did you mean 'seed'"),
        ({"encoding": {"qualitty": 1}}, r"'qualitty' is no name in encoding of the job\. Known are crf, preset"),
        ({"labels": {"visible": {"spann": "start"}}}, r"'spann' is no name in labels.visible of the job.*'span'"),
        ({"settings": {"seed": "7"}}, r"seed is '7', a str; expected a whole number"),
        ({"settings": {"seed": -1}}, "seed is -1; expected 0"),
        ({"settings": 7}, "settings is 7; expected an object"),
        ({"encoding": {"crf": "20"}}, r"encoding.crf is '20'; expected a whole number"),
        ({"encoding": {"crf": 99}}, "crf is 99; expected 0"),
        ({"overwrite": 1}, "overwrite is 1; expected true or false"),
        ({"output_fps": True}, "output_fps is True; expected a number"),
        ({"output_fps": 1000}, "fps is 1000; expected 1 to 240"),
        ({"interpolation": "magic"}, "interpolation is 'magic'; expected one of auto, rife, flow"),
        ({"engine": "warp"}, "engine is 'warp'; expected one of lite, sonic"),
        ({"engine": 3}, "engine is 3; expected a text"),
        ({"options": {"encodr": "whisper"}}, "lite engine has no option encodr.*Did you mean encoder"),
        ({"options": {"encoder": "ear"}}, "encoder is 'ear'; expected one of wav2vec2, whisper"),
        ({"face": {"box": [1, 2, 3]}}, r"face.box is \[1, 2, 3\]; expected a list of 4 values"),
        ({"face": {"whole_image": True}}, "lite engine finds the face itself"),
        ({"labels": {"signing": {"key": "a.pem"}}}, r"certificate is missing in labels.signing of the job"),
        ({"tags": {"title": 3}}, r"tags.title is 3; expected a text"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_in_words(change, words):
    with pytest.raises(SettingsError, match=words):
        job_from_values({**LEAST, **change})


@pytest.mark.parametrize("text", ["", "{", "[1]", '"job"', "null"])
def test_what_is_no_job_at_all_is_said(text):
    with pytest.raises(SettingsError, match=r"no JSON|expected an object"):
        job_from_json(text)


def test_the_least_job_needs_a_picture_and_a_recording():
    with pytest.raises(SettingsError, match="picture, recording is missing in the job"):
        job_from_values({})


def test_the_command_line_fills_every_field_from_one_table():
    assert set(JOB) == {item.name for item in fields(Job)}


def test_arguments_become_the_job_that_they_say():
    commands = {"generate": cli.import_module("sonic_core.commands.generate")}
    text = (
        "generate --image me.jpg --audio hello.m4a --output out/hello.webm --engine sonic --preset fast --fp8 --seed 7 --crf 20 "
        "--face-box 1,2,300,300 --smooth ema --smooth-strength 0.25 --output-fps 50 --trim-silence --visible-label start --overwrite"
    )
    made = job_from(cli.make_parser(commands, Console()).parse_args(text.split()))
    assert made == Job(
        "me.jpg",
        "hello.m4a",
        "out/hello.webm",
        Settings(seed=7),
        "sonic",
        {"preset": "fast", "fp8": True},
        FaceChoice((1.0, 2.0, 300.0, 300.0)),
        True,
        50.0,
        smoothing=Smoothing("ema", 0.25),
        encoding=Encoding(crf=20),
        labels=Labels(visible=VisibleLabel("start")),
        tags={"title": "hello"},
        overwrite=True,
    )
    assert job_from_json(job_to_json(made)) == made


def test_the_package_exports_all_that_a_job_and_generate_take():
    for name in sonic_core.__all__:
        assert getattr(sonic_core, name).__name__ == name
    parts = {
        type(value).__name__
        for item in fields(Job)
        if type(value := getattr(FULL, item.name)).__module__.startswith("sonic_core")
    }
    assert parts | {"Signing", "VisibleLabel", "Loaded", "Kept"} <= set(sonic_core.__all__)


def test_a_job_of_files_alone_makes_the_video(tmp_path):
    from sonic_samples import SAMPLES

    small = {"min_resolution": 256, "duration": 0.2, "length_policy": "trim"}
    values = {"picture": str(SAMPLES / "portrait.png"), "recording": str(SAMPLES / "speech.wav")}
    job = job_from_json(json.dumps({**values, "output": str(tmp_path / "a.mp4"), "settings": small}))
    assert sonic_core.generate(job).frames == 5


def test_deeply_nested_json_is_refused_as_no_job():
    with pytest.raises(SettingsError, match="no JSON"):
        job_from_json("[" * 100_000)
