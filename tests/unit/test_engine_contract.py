"""What every engine promises (engines/base.py, engines/declaration.py), and that nothing outside knows more of one than it declares."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from sonic_samples import SAMPLES, portrait, speech

from sonic_core import cli
from sonic_core.engines import registry
from sonic_core.engines.declaration import EVERY_SETTING
from sonic_core.engines.registry import declaration, engine_class, load_engine
from sonic_core.errors import SettingsError
from sonic_core.job import Job
from sonic_core.media.probe import probe
from sonic_core.pipeline import Loaded, generate, load
from sonic_core.settings import Settings
from sonic_core.words.catalogue import translated

NAMES = ("lite", "sonic", "toy")
ROOT = Path(__file__).parents[2]
SECONDS = 0.2
SMALL = Settings(min_resolution=256, inference_steps=1)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "toy", "toy_engine.engine:TOY")


@pytest.fixture(scope="module")
def options(models):
    """Options with which each engine can be loaded here."""
    return {"lite": {}, "sonic": {"folders": [models], "device": "cpu"}}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def loaded():
    """The engines that were loaded, by name: one that has made a clip makes the next as if it were its first."""
    return {}


@pytest.fixture
def engine(name, options, loaded):
    if name not in loaded:
        loaded[name] = load_engine(name, **options.get(name, {}))
    return loaded[name]


@pytest.fixture
def made(small):
    """Conditioning and latents that an engine makes."""

    def run(engine, settings=SMALL):
        conditioning = engine.prepare(portrait(), speech(SECONDS), settings)
        return conditioning, engine.sample(conditioning, settings)

    return run


def test_it_is_what_it_declares(engine, name):
    assert engine.declaration == declaration(name)
    assert (engine.name, engine.fps) == (name, declaration(name).fps)


def test_its_constructor_takes_the_declared_options_with_the_declared_defaults(name):
    parameters = inspect.signature(engine_class(name)).parameters
    for option in declaration(name).options:
        assert parameters[option.name].default == option.default, option.name
        assert option.help.endswith(".")


def test_settings_that_it_declares_are_settings(name):
    assert declaration(name).settings <= EVERY_SETTING


def test_without_a_wish_the_picture_has_the_declared_size(engine):
    own = min(portrait().width, portrait().height)
    framed = engine.prepare(portrait(), speech(SECONDS), Settings()).portrait
    assert min(framed.width, framed.height) == (engine.declaration.default_short_side or own)


def test_it_names_its_models_and_their_licences(name):
    assert all(credit.name and credit.licence for credit in declaration(name).credits)
    licences = {credit.licence for credit in declaration(name).credits}
    assert {file.licence for file in declaration(name).weights} <= licences
    keys = {file.key for file in declaration(name).weights}
    assert {choice.key for choice in declaration(name).file_choices} <= keys


def test_frames_are_as_many_as_the_sound_is_long_and_all_of_the_told_size(engine, made):
    conditioning, latents = made(engine)
    frames = engine.decode(conditioning, latents)
    assert len(frames) == conditioning.frame_count == round(SECONDS * engine.fps)
    assert {frame.shape for frame in frames} == {(frames.height, frames.width, 3)}
    assert frames.fps == engine.fps


def test_the_same_seed_gives_the_same_frames_on_every_pass(engine, made):
    frames = [engine.decode(*made(engine)) for _ in range(2)]
    first, again, other = list(frames[0]), list(frames[0]), list(frames[1])
    assert np.array_equal(first, again)
    assert np.array_equal(first, other)


def test_another_rate_is_drawn_where_that_is_declared_and_refused_otherwise(engine, made):
    conditioning, latents = made(engine)
    if not engine.declaration.draws_any_moment:
        with pytest.raises(SettingsError, match="interpolate"):
            engine.at_rate(latents, 50.0, 10)
        return
    frames = engine.decode(conditioning, engine.at_rate(latents, 50.0, 10))
    assert (len(frames), frames.fps, len(list(frames))) == (10, 50.0, 10)


def test_motion_is_told_where_that_is_declared_and_refused_otherwise(engine):
    if not engine.declaration.tells_motion:
        with pytest.raises(SettingsError, match=engine.name):
            engine.motion_curves(speech(SECONDS), SMALL)
        return
    curves = engine.motion_curves(speech(SECONDS), SMALL)
    lengths = {len(curve) for curve in curves.values() if isinstance(curve, np.ndarray)}
    assert (curves["fps"], curves["t0"], lengths) == (engine.fps, 0, {round(SECONDS * engine.fps)})


def test_poses_are_drawn_where_that_is_declared_and_refused_otherwise(name):
    if not declaration(name).draws_poses:
        with pytest.raises(SettingsError, match=name):
            engine_class(name).pose_sheet(portrait(), SMALL)
        return
    sheet = engine_class(name).pose_sheet(portrait(), SMALL)
    assert (sheet.image.dtype, sheet.image.ndim, sheet.image.shape[2]) == (np.uint8, 3, 3)
    assert sheet.image.std() > 10


def test_cost_is_told_before_the_work_where_no_trial_tells_it(engine, name, options):
    asked = (portrait(), speech(SECONDS), SMALL)
    costs = (engine.expected_cost(*asked), engine_class(name).cost_without_weights(options.get(name, {}), *asked))
    for cost in costs:
        assert (cost is None) == engine.declaration.cheap_trial
        if cost is not None:
            assert cost.described()
            assert {"frames", "seconds"} <= set(json.loads(json.dumps(cost.figures())))


def test_identity_is_json_and_rest_leaves_it_able_to_work(engine, made):
    assert json.loads(json.dumps(engine.identity)) == engine.identity
    before = next(iter(engine.decode(*made(engine))))
    engine.rest()
    assert np.array_equal(before, next(iter(engine.decode(*made(engine)))))


def test_a_mask_says_where_speech_acts_or_is_refused_before_anything_is_loaded(engine, name, tmp_path):
    from sonic_core.job import FaceChoice

    job = {"picture": SAMPLES / "portrait.png", "recording": SAMPLES / "speech.wav", "engine": name}
    if not engine.declaration.takes_mask:
        with pytest.raises(SettingsError, match=name):
            Job(**job, face=FaceChoice(mask=tmp_path / "mask.png"))
        return
    image = portrait().image
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[image.shape[0] // 2 :] = 255
    whole, half = (engine.prepare(portrait(), speech(SECONDS), SMALL, mask=area) for area in (mask | 255, mask))
    assert half.features.mask.mean() < whole.features.mask.mean()


def with_another(settings, name):
    """The settings with another value of one of them."""
    field = next(field for field in fields(Settings) if field.name == name)
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    value = getattr(settings, name)
    if choices:
        return {name: next(choice for choice in reversed(choices) if choice != value)}
    return {name: type(value)(low if value != low else high)}


def test_settings_that_are_declared_without_effect_have_none(engine, made):
    one = list(engine.decode(*made(engine)))
    for setting in sorted(EVERY_SETTING - engine.declaration.settings - {"face_index"}):
        changed = Settings(**{"min_resolution": 256, "inference_steps": 1, **with_another(SMALL, setting)})
        assert np.array_equal(one, list(engine.decode(*made(engine, changed)))), setting
    assert engine.declaration.without_effect(EVERY_SETTING) == tuple(
        name for name in EVERY_SETTING if name not in engine.declaration.settings
    )


def test_options_that_it_does_not_have_are_refused_with_the_nearest_name(name):
    known = declaration(name).options[0].name
    with pytest.raises(SettingsError, match=f"{name} engine has no option {known}s.*Did you mean {known}"):
        load_engine(name, **{f"{known}s": 1})


@pytest.mark.usefixtures("small")
def test_the_file_tells_which_engine_and_models_made_it(engine, name, options, tmp_path):
    job = Job(None, None, tmp_path / "a.mp4", SMALL, name, options.get(name, {}))
    tags = probe(generate(job, Loaded(engine, portrait(), speech(SECONDS))).path).metadata
    assert tags["engine"] == name
    assert [model["name"] for model in json.loads(tags["models"])] == [
        credit.name for credit in declaration(name).credits
    ]


# A third engine, known by its line in the registry alone


def test_the_command_line_makes_a_video_with_it(tmp_path, capsys):
    target = tmp_path / "a.mp4"
    short = ("--duration", "0.2", "--length-policy", "trim", "--json", "--quiet")
    assert cli.main(["demo", "--engine", "toy", "--warmth", "0.9", "--output", str(target), *short]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["engine"], report["width"], report["frames"]) == ("toy", 320, 5)
    assert json.loads(probe(target).metadata["models"]) == [{"name": "no model at all", "licence": "CC0"}]


def test_help_and_doctor_know_it(capsys):
    with pytest.raises(SystemExit):
        cli.main(["generate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "toy (lamp)" in text
    assert "--warmth N toy: how red it shines, 0 to 1. Default 0.5." in text


def test_another_engine_refuses_its_options(tmp_path, capsys):
    assert cli.main(["demo", "--warmth", "1", "--output", str(tmp_path / "a.mp4")]) == 2
    assert "lite engine has no option warmth" in capsys.readouterr().err


def test_frames_between_its_frames_are_made_as_it_draws_none(tmp_path):
    job = Job(SAMPLES / "portrait.png", None, tmp_path / "a.mp4", SMALL, "toy", output_fps=50, interpolation="flow")
    with pytest.raises(SettingsError, match="no recording"):
        load(job)
    assert generate(job, Loaded(load_engine("toy"), portrait(), speech(SECONDS))).frames == 10


@pytest.mark.parametrize(
    ("draws", "told"),
    [
        (False, "Without effect at the engine's own 25 fps: interpolation. Give output_fps, or leave it out."),
        (True, "Without effect in the toy engine: interpolation. Leave it out, or choose another engine."),
    ],
)
def test_interpolation_that_no_frame_needs_is_told(draws, told, tmp_path, monkeypatch):
    engine = load_engine("toy")
    monkeypatch.setattr(type(engine), "declaration", replace(engine.declaration, draws_any_moment=draws))
    loaded = Loaded(engine, portrait(), speech(SECONDS))
    for interpolation, warnings in (("flow", (told,)), ("auto", ())):
        job = Job(None, None, tmp_path / "a.mp4", Settings(min_resolution=256), "toy", interpolation=interpolation)
        assert generate(job, loaded).warnings == warnings
    assert translated(told, "zh") != told


def test_a_job_for_one_engine_is_not_made_by_another(tmp_path):
    job = Job(None, None, tmp_path / "a.mp4", SMALL, "lite")
    with pytest.raises(SettingsError, match=r"'lite'.*'toy' is loaded"):
        generate(job, Loaded(load_engine("toy"), portrait(), speech(SECONDS)))


# Nothing outside knows an engine


def outside():
    """Source files that are neither an engine nor the registry."""
    files = [*(ROOT / "sonic_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")]
    return [file for file in files if "engines" not in file.parts[len(ROOT.parts) :]]


def test_no_engine_is_named_outside_its_folder_and_the_registry():
    # The name of a folder that other packs use too, and the word by which users search for the pack.
    other_uses = re.compile(r'MODEL_FOLDER = "sonic"|search_aliases=\["sonic"')
    names = re.compile(r"""["'](lite|sonic)["']|engines\.(lite|sonic)\b""")
    texts = {file: other_uses.sub("", file.read_text("utf-8")) for file in outside()}
    assert [str(file.relative_to(ROOT)) for file, text in texts.items() if names.search(text)] == []


def test_no_engine_is_probed_for_what_it_may_have():
    probing = re.compile(r"(getattr|hasattr)\((engine|model)\b")
    assert [str(file) for file in outside() if probing.search(file.read_text("utf-8"))] == []


def test_declarations_import_no_model_code():
    program = (
        "import sys; from sonic_core.engines.registry import declarations; declarations(); "
        "import sonic_core.job_json; "
        "sys.exit(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
