"""What every rendered frame must keep: the picture itself, determinism, size, background, the limits of the head."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from renderer_samples import closeup, portrait_of, renderer, speech_track

from sonic_core.engines.lite.parameters import PARAMETERS, Pose, neutral, parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.fields import coefficients
from sonic_core.engines.lite.renderer.warp import displacement, fold_measure, head_motion
from sonic_core.errors import PortraitError


def test_neutral_parameters_return_the_picture_bit_exactly():
    assert np.array_equal(renderer().render(neutral()), closeup().image)


@pytest.mark.parametrize("name", [p.name for p in PARAMETERS])
def test_every_parameter_starts_without_a_jump(name):
    high = next(p.high for p in PARAMETERS if p.name == name)
    tiny = renderer().render(parameters(**{name: 0.002 * high})).astype(int)
    assert np.abs(tiny - closeup().image).max() <= 20


def test_constant_parameters_give_identical_frames():
    track = speech_track()
    first = renderer().render(track[7])
    renderer().render(track[20])
    assert np.array_equal(first, renderer().render(track[7]))


def test_two_renderers_of_a_portrait_give_identical_frames():
    vector = speech_track()[11]
    assert np.array_equal(renderer().render(vector), PortraitRenderer(closeup()).render(vector))


def test_the_portrait_is_not_written_to():
    before = closeup().image.copy()
    renderer().render(speech_track()[3])
    assert np.array_equal(before, closeup().image)


def test_background_stays_while_talking_and_turning():
    portrait = closeup()
    points = portrait.landmarks[:, :2]
    head = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
    mask = np.zeros(portrait.image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, head, 1)
    iod = portrait.report.eye_distance_px
    size = int(1.5 * iod) * 2 + 1  # the hair moves with the head
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    outside = mask == 0
    assert outside.mean() > 0.05
    for vector in speech_track()[::5]:
        difference = renderer().render(vector)[outside].astype(float) - portrait.image[outside]
        psnr = 10 * np.log10(255**2 / max(float((difference**2).mean()), 1e-9))
        assert psnr >= 44


def test_a_face_in_a_big_picture_is_pasted_without_a_seam():
    image = np.full((900, 1400, 3), 90, np.uint8)
    image[300:812, 500:1012] = closeup().image
    smaller = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    portrait = portrait_of(np.vstack([smaller, np.full((500, 700, 3), 90, np.uint8)]))
    frame = PortraitRenderer(portrait).render(parameters(yaw=8, jaw=0.6))
    changed = np.flatnonzero(np.abs(frame.astype(int) - portrait.image).max(2).any(1))
    assert frame.shape == portrait.image.shape
    assert changed[-1] < 500


def test_head_limits_hold_without_folds():
    model = renderer()._model
    for name in ("yaw", "pitch", "roll"):
        limit = getattr(renderer().head_limits, name)
        assert 2 <= limit <= 15
        for sign in (-1, 1):
            pose = Pose(*neutral())._replace(**{name: sign * limit})
            motion = head_motion(pose, model.head, model.grid)
            shift = displacement(model.fields.upper, motion, coefficients(pose, True), model.grid)
            assert fold_measure(shift) > 0.1


def test_an_absurd_angle_is_held_at_the_limit():
    far, farther = (renderer().render(parameters(yaw=angle)) for angle in (28, 30))
    assert np.abs(far.astype(int) - farther).mean() < 0.1


def test_the_style_can_be_chosen():
    statue = PortraitRenderer(closeup(), "statue")
    assert statue.style == "statue"
    assert np.array_equal(statue.render(parameters(blink_l=1, blink_r=1)), closeup().image)


def test_the_bundled_portrait_is_a_photo():
    assert renderer().style == "photo"
    assert renderer().notes == renderer().warnings == ()


def test_a_covered_mouth_is_left_alone_and_said():
    portrait = closeup()
    covered = replace(portrait, report=replace(portrait.report, mouth_clarity=0.1))
    masked = PortraitRenderer(covered)
    assert any("covered" in note for note in masked.warnings)
    assert np.array_equal(masked.render(parameters(jaw=1)), portrait.image)


def test_an_unknown_style_is_refused():
    with pytest.raises(PortraitError, match="expected one of"):
        PortraitRenderer(closeup(), "oil")


def test_a_wrong_number_of_parameters_is_refused():
    with pytest.raises(ValueError, match="expected"):
        renderer().render(np.zeros(5, np.float32))


def test_a_black_and_white_photograph_stays_so():
    gray = cv2.cvtColor(cv2.cvtColor(closeup().image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    frame = (
        PortraitRenderer(replace(closeup(), image=gray)).render(parameters(jaw=0.6, pucker=0.5, rest=0.45)).astype(int)
    )
    assert np.ptp(frame, axis=2).max() <= 2
