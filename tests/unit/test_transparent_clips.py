"""A picture with transparent parts, from its file to the clip: kept with a clean edge, laid over something, or told."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from portrait_samples import sample

from sonic_core.audio.clip import AudioClip
from sonic_core.background import background_of
from sonic_core.compositing import over
from sonic_core.engines import registry
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.registry import load_engine
from sonic_core.errors import SettingsError
from sonic_core.job import Job
from sonic_core.media.probe import probe
from sonic_core.media.reader import read_frames
from sonic_core.pipeline import Loaded, generate
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.framing import frame_portrait
from sonic_core.settings import Settings
from sonic_core.smoothing.choice import Smoothing

SMALL = Settings(min_resolution=256)


@lru_cache
def engine():
    return LiteEngine()


@lru_cache
def cut_out():
    """The bundled person in a soft-edged oval, everything else transparent (and of a colour that must never be seen)."""
    picture = cv2.resize(sample(), (512, 512), interpolation=cv2.INTER_AREA)
    x0, y0, x1, y1 = load_portrait(picture).face_box
    y, x = np.mgrid[:512, :512]
    far = np.hypot((x - (x0 + x1) / 2) / (x1 - x0), (y - (y0 + y1) / 2) / (y1 - y0))
    alpha = np.clip((1.1 - far) * 40 * 255, 0, 255).astype(np.uint8)
    colours = np.where(alpha[..., None] > 0, picture, (0, 255, 0)).astype(np.uint8)
    return load_portrait(np.dstack([colours, alpha]))


def silence(seconds=0.2):
    return AudioClip(np.zeros((1, round(seconds * 16_000)), np.float32), 16_000, "silence")


def made(path, portrait=None, made_by=None, **choices):
    by = made_by or engine()
    job = Job(None, None, path, choices.pop("settings", SMALL), by.name, **choices)
    return generate(job, Loaded(by, portrait or cut_out(), silence()))


@lru_cache
def turned():
    """The cut-out with its head turned, RGBA, and the same head over white."""
    renderer = PortraitRenderer(cut_out())
    pose = parameters(yaw=6, roll=4, jaw=0.4)
    return renderer.render_with_alpha(pose), renderer.render(pose)


def test_the_picture_at_rest_is_the_picture_and_its_opacity():
    frame = PortraitRenderer(cut_out()).render_with_alpha(parameters())
    assert np.array_equal(frame[..., 3], cut_out().alpha)
    assert np.abs(over(frame).astype(int) - cut_out().image).max() <= 2


def test_opacity_moves_with_the_head():
    frame, _ = turned()
    moved = np.abs(frame[..., 3].astype(int) - cut_out().alpha)
    assert moved.max() > 60
    assert (frame[..., 3] == 255).any()
    assert (frame[..., 3] == 0).any()


def test_the_edge_has_the_colours_of_the_person_and_none_of_what_was_cut_away():
    frame, white = turned()
    faint = (frame[..., 3] > 24) & (frame[..., 3] < 200)
    r, g, b = frame[faint][:, :3].astype(int).T
    assert faint.sum() > 500
    assert (g - np.maximum(r, b)).max() < 40  # the green that lay under the transparent parts
    solid = frame[..., 3] == 255
    near = cv2.dilate(faint.astype(np.uint8), np.ones((9, 9))).astype(bool) & solid
    assert np.abs(frame[faint][:, :3].mean(0) - frame[near][:, :3].mean(0)).max() < 25  # nor white, nor black
    assert np.array_equal(over(frame), white)


@pytest.mark.parametrize(
    ("suffix", "framing"),
    [(".webm", "full"), (".mov", "full"), (".png", "full"), (".png", "face"), (".png", "paste_back")],
)
def test_transparency_is_kept_where_the_file_can_hold_it(tmp_path, suffix, framing):
    clip = made(tmp_path / f"a{suffix}", settings=Settings(min_resolution=256, framing=framing))
    frames = list(read_frames(clip.path))
    assert (probe(clip.path).transparent, len(frames)) == (True, 5)
    corner, middle = frames[0][2, 2, 3], frames[0][frames[0].shape[0] // 2, frames[0].shape[1] // 2, 3]
    assert (corner < 4 or framing == "face", middle) == (True, 255)
    assert not any("white" in note for note in clip.notes)


def test_an_mp4_is_white_there_and_says_so(tmp_path):
    clip = made(tmp_path / "a.mp4")
    assert any("white in the video" in note and ".webm" in note for note in clip.notes)
    assert next(iter(read_frames(clip.path)))[2, 2].min() > 250


def test_a_colour_or_a_picture_stands_behind(tmp_path):
    clip = made(tmp_path / "a.mp4", background="#00f")
    assert np.abs(next(iter(read_frames(clip.path)))[2, 2].astype(int) - (0, 0, 255)).max() <= 6
    assert not any("white" in note for note in clip.notes)
    wall = np.zeros((90, 160, 3), np.uint8)
    wall[:, 80:] = 200
    cv2.imwrite(str(tmp_path / "wall.png"), wall)
    frame = next(iter(read_frames(made(tmp_path / "b.webm", background=str(tmp_path / "wall.png")).path)))
    assert frame.shape[2] == 3
    assert (frame[2, 2].max() < 12, frame[2, -3].min() > 190) == (True, True)


def test_what_cannot_be_transparent_is_refused_before_the_work(tmp_path):
    with pytest.raises(SettingsError, match=r"a\.mp4 cannot hold it"):
        made(tmp_path / "a.mp4", background="transparent")
    opaque = load_portrait(sample())
    with pytest.raises(SettingsError, match=r"has no transparent parts\. Cut the person out"):
        made(tmp_path / "a.webm", opaque, background="transparent")
    assert not list(tmp_path.iterdir())


def test_an_engine_that_draws_everything_anew_gets_the_background_first(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "toy", "toy_engine.engine:TOY")
    toy = load_engine("toy")
    clip = made(tmp_path / "a.png", made_by=toy, settings=Settings(), background="#00f")
    frame = next(iter(read_frames(clip.path)))
    assert frame.shape[2] == 3
    assert np.abs(frame[2, 2].astype(int) - (0, 0, 255)).max() <= 2
    with pytest.raises(SettingsError, match="the engine toy draws the background"):
        made(tmp_path / "b.png", made_by=toy, settings=Settings(), background="transparent")
    assert any("engine toy" in note for note in made(tmp_path / "c.png", made_by=toy, settings=Settings()).notes)


def test_smoothing_leaves_opacity_as_it_is(tmp_path):
    plain = [frame[..., 3] for frame in read_frames(made(tmp_path / "a.png").path)]
    smooth = [frame[..., 3] for frame in read_frames(made(tmp_path / "b.png", smoothing=Smoothing("ema")).path)]
    assert np.array_equal(plain, smooth)


def test_frames_with_opacity_are_made_only_when_they_are_taken():
    conditioning = engine().prepare(cut_out(), silence(2.0), SMALL)
    frames = engine().decode(conditioning, engine().sample(conditioning, SMALL))
    drawn = []
    watched = frames.map(lambda frame: drawn.append(frame.shape) or frame).with_colours(lambda stream: stream)
    pictures = iter(watched.over((0, 0, 0)))
    next(pictures)
    assert drawn == [(256, 256, 4)] * 2  # colours and opacity of the first frame alone
    assert len(watched) == 50


def test_shrinking_rings_no_white_into_the_edge():
    framed = frame_portrait(cut_out(), "full", 256, 0.18).portrait
    rgba = PortraitRenderer(framed).render_with_alpha(parameters())
    rim = (rgba[..., 3] > 32) & (rgba[..., 3] < 200)
    inside = cv2.dilate(rim.astype(np.uint8), np.ones((7, 7))).astype(bool) & (rgba[..., 3] == 255)
    assert np.abs(rgba[rim][:, :3].mean(0) - rgba[inside][:, :3].mean(0)).max() < 25


@pytest.mark.parametrize(
    ("text", "means"), [("", ""), ("Transparent", "transparent"), ("#0f8", (0, 255, 136)), ("#102030", (16, 32, 48))]
)
def test_backgrounds_in_words(text, means):
    assert background_of(text) == means


def test_a_colour_that_is_none_is_refused_with_the_job(tmp_path):
    with pytest.raises(SettingsError, match="expected a colour such as #00ff00"):
        Job(None, None, tmp_path / "a.mp4", background="#00ff0g")
