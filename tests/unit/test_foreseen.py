"""What will not look right is found by pixels alone: nothing on the bundled person, and everything that is painted on."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from renderer_samples import closeup, portrait_of, renderer

from sonic_core.engines.lite import engine as lite
from sonic_core.engines.lite.foreseen import BLINK, BOX_STEP, CLOSED, PLATE_SEAM, ROUGH_SKIN, FaceView, foreseen
from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.portrait.loading import load_picture

GLASSES = Path(__file__).parents[1] / "golden" / "portraits" / "glasses.webp"


@lru_cache
def posed(name):
    return renderer().render(parameters(**{"closed": CLOSED, "blink": BLINK}[name]))


class Painted:
    """The renderer with something painted over two of its poses."""

    def __init__(self, lids=None, plate=None, draws_teeth=False):
        self.lids, self.plate, self.draws_teeth = lids, plate, draws_teeth

    def render(self, pose):
        frame = renderer().render(pose).copy()
        points = closeup().landmarks[:, :2]
        size = float(np.linalg.norm(points[33] - points[263]))
        if self.lids is not None and np.array_equal(pose, parameters(**BLINK)):
            for eye in (points[[33, 133]].mean(0), points[[362, 263]].mean(0)):
                centre = tuple(int(v) for v in eye)
                cv2.ellipse(frame, centre, (int(0.24 * size), int(0.15 * size)), 0, 0, 360, self.lids, -1)
        if self.plate is not None and np.array_equal(pose, parameters(**CLOSED)):
            low, high = points[[61, 0]].min(0), points[[291, 0]].max(0)
            top = int(low[1] - 0.12 * size)
            cv2.rectangle(frame, (int(low[0]), top), (int(high[0]), int(high[1])), self.plate, -1)
        return frame


def test_a_picture_that_carries_its_mouth_and_lids_gets_no_warning():
    assert foreseen(renderer(), closeup()) == ()


@pytest.mark.parametrize("grey", [10, 40])
def test_boxes_instead_of_lids_are_foreseen(grey):
    (said,) = foreseen(Painted(lids=(grey, grey, grey)), closeup())
    assert "lids will look like patches" in said


def test_a_plate_over_the_upper_lip_is_foreseen():
    (said,) = foreseen(Painted(plate=(20, 20, 20)), closeup())
    assert "lips will look pasted on" in said


def test_smooth_teeth_in_a_rough_picture_are_foreseen_where_teeth_are_drawn():
    noise = np.random.default_rng(0).normal(0, 25, closeup().image.shape[:2])
    rough = replace(closeup(), image=np.clip(closeup().image + noise[..., None], 0, 255).astype(np.uint8))
    said = [foreseen(Painted(draws_teeth=drawn), rough) for drawn in (True, False)]
    assert ["teeth will look drawn" in " ".join(sentences) for sentences in said] == [True, False]
    assert FaceView(closeup().landmarks).grain_at_lips(FaceView(closeup().landmarks).lab(closeup().image)) < ROUGH_SKIN


def test_a_smile_brings_its_own_teeth_and_closed_lips_do_not():
    assert not renderer().draws_teeth
    assert PortraitRenderer(portrait_of(load_picture(GLASSES).image)).draws_teeth


def test_figures_are_small_on_the_bundled_person_and_nothing_where_nothing_changes():
    view = FaceView(closeup().landmarks)
    rest = view.lab(closeup().image)
    assert (view.seam_at_lips(rest, rest), view.step_of_lids(rest, rest)) == (0, 0)
    assert 0 < view.seam_at_lips(rest, view.lab(posed("closed"))) < PLATE_SEAM / 1.5
    assert 0 < view.step_of_lids(rest, view.lab(posed("blink"))) < BOX_STEP / 1.5


def test_figures_do_not_depend_on_the_size_of_the_picture():
    small = closeup(256)
    view, large = FaceView(small.landmarks), FaceView(closeup().landmarks)
    blink = cv2.resize(posed("blink"), (256, 256), interpolation=cv2.INTER_AREA)
    step = view.step_of_lids(view.lab(small.image), view.lab(blink))
    assert step == pytest.approx(large.step_of_lids(large.lab(closeup().image), large.lab(posed("blink"))), abs=4)


def test_the_engine_tells_what_is_foreseen(monkeypatch):
    from sonic_core.audio.clip import AudioClip
    from sonic_core.settings import Settings

    monkeypatch.setattr(lite, "foreseen", lambda renderer, portrait: ("The lips will look pasted on.",))
    silence = AudioClip(np.zeros((1, 3200), np.float32), 16_000, "silence")
    told = lite.LiteEngine().prepare(closeup(), silence, Settings(min_resolution=256)).warnings
    assert "The lips will look pasted on." in told
