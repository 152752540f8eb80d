"""The quality report: what it measures and what it advises."""

import cv2
import numpy as np
import pytest
from portrait_samples import SAMPLE, on_canvas, sample

from sonic_core.errors import PortraitError
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.crop import SquareCrop
from sonic_core.portrait.head_pose import head_pose
from sonic_core.portrait.quality import COVERED_MOUTH, check_quality


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def portrait(cache):
    return load_portrait(SAMPLE, cache_dir=cache)


def rotated_head(landmarks: np.ndarray, yaw: float = 0, pitch: float = 0, roll: float = 0) -> np.ndarray:
    """Landmarks turned about their centre: nose to the image right, nose up, clockwise (degrees)."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    centre = landmarks.mean(0)
    return ((landmarks - centre) @ (about_z @ about_x @ about_y).T + centre).astype(np.float32)


def painted(portrait, draw) -> np.ndarray:
    """The portrait's picture with something drawn over it: draw(image, mouth centre, eye distance, skin colour)."""
    image = portrait.image.copy()
    centre = portrait.landmarks[[61, 291], :2].mean(0)
    x, y = portrait.landmarks[[50, 280, 205, 425], :2].round().astype(int).T
    draw(image, centre, portrait.report.eye_distance_px, np.median(image[y, x], 0))
    return cv2.GaussianBlur(image, (3, 3), 0.5)


def oval(image, centre, offset, radii, colour):
    middle = tuple(int(v) for v in centre + np.array(offset))
    cv2.ellipse(image, middle, tuple(int(v) for v in radii), 0, 0, 360, tuple(map(float, colour)), -1)


def clarity(portrait, image) -> float:
    """Of the mouth in a changed picture, with the landmarks of the unchanged one."""
    crop = SquareCrop(tuple(np.mean(np.reshape(portrait.face_box, (2, 2)), 0)), 1.7 * portrait.report.face_px)
    return check_quality(image, portrait.landmarks, crop, 1, "picture").mouth_clarity


@pytest.mark.parametrize(("angle", "value"), [("yaw", 25), ("yaw", -25), ("pitch", 15), ("roll", 40), ("roll", -90)])
def test_head_pose_follows_a_rotation(portrait, angle, value):
    before, after = (head_pose(rotated_head(portrait.landmarks, **turn)) for turn in ({}, {angle: value}))
    assert getattr(after, angle) - getattr(before, angle) == pytest.approx(value, abs=2)


def test_yaw_and_pitch_do_not_change_with_roll(portrait):
    turned = rotated_head(portrait.landmarks, yaw=20, pitch=10)
    upright, lying = head_pose(turned), head_pose(rotated_head(turned, roll=90))
    assert lying.yaw == pytest.approx(upright.yaw, abs=0.5)
    assert lying.pitch == pytest.approx(upright.pitch, abs=0.5)


def test_a_profile_is_refused(portrait):
    crop = SquareCrop((226, 116), 165)
    with pytest.raises(PortraitError, match=r"a\.png is turned 6\d degrees .* both eyes"):
        check_quality(sample(), rotated_head(portrait.landmarks, yaw=65), crop, 1, "a.png")


def test_a_turned_head_is_advised_against(portrait):
    report = check_quality(sample(), rotated_head(portrait.landmarks, yaw=42), SquareCrop((226, 116), 165), 1, "a.png")
    assert any("turned 4" in sentence for sentence in report.advice)


def test_clear_lips_are_clear(portrait):
    assert portrait.report.mouth_clarity > 1.3


@pytest.mark.parametrize("colour", [(150, 190, 220), (240, 240, 240), (25, 25, 28)], ids=["blue", "white", "black"])
def test_a_mask_covers_the_mouth(portrait, colour):
    image = painted(portrait, lambda im, c, e, skin: oval(im, c, (0, 0.05 * e), (0.95 * e, 0.75 * e), colour))
    assert clarity(portrait, image) < COVERED_MOUTH


@pytest.mark.parametrize("side", [-1, 1])
def test_a_microphone_over_half_the_mouth_covers_it(portrait, side):
    image = painted(
        portrait, lambda im, c, e, skin: oval(im, c, (side * 0.32 * e, 0.08 * e), (0.3 * e, 0.35 * e), (45, 45, 48))
    )
    assert clarity(portrait, image) < COVERED_MOUTH


@pytest.mark.parametrize("side", [-1, 1])
def test_skin_over_half_the_mouth_covers_it(portrait, side):
    image = painted(portrait, lambda im, c, e, skin: oval(im, c, (side * 0.4 * e, 0), (0.36 * e, 0.4 * e), skin))
    assert clarity(portrait, image) < COVERED_MOUTH


@pytest.mark.parametrize(
    "change",
    [
        lambda im: (im * 0.25).astype(np.uint8),
        lambda im: cv2.GaussianBlur(im, (0, 0), 0.9),
        lambda im: np.repeat(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
    ],
    ids=["dark", "blurred", "grey"],
)
def test_a_poor_picture_does_not_count_as_covered(portrait, change):
    assert clarity(portrait, change(sample())) > COVERED_MOUTH


@pytest.mark.parametrize("tint", [(1.0, 0.55, 0.1), (0.4, 0.7, 1.0)], ids=["orange", "blue"])
def test_a_strong_lip_line_is_believed_whatever_the_colour_of_the_chin(portrait, tint):
    image = sample().astype(np.float32)
    x0, y0, x1, y1 = np.round(portrait.face_box).astype(int)
    low = y0 + int(0.6 * (y1 - y0))
    image[low:y1, x0:x1] *= tint
    assert clarity(portrait, image.astype(np.uint8)) > COVERED_MOUTH


@pytest.mark.parametrize("stops", [-1.5, 1, 1.5])
def test_an_exposure_does_not_cover_the_mouth(portrait, stops):
    exposed = 255 * np.clip((sample() / 255.0) ** 2.2 * 2**stops, 0, 1) ** (1 / 2.2)
    assert clarity(portrait, exposed.astype(np.uint8)) > COVERED_MOUTH


def test_sharpness_falls_with_blur(portrait, cache):
    values = [portrait.report.sharpness]
    for sigma in (1.2, 3):
        values.append(load_portrait(cv2.GaussianBlur(sample(), (0, 0), sigma), cache_dir=cache).report.sharpness)
    assert values[0] > 0.8 > values[1] > values[2]


def test_a_blurred_face_is_advised_against(cache):
    blurred = load_portrait(cv2.GaussianBlur(sample(), (0, 0), 2.5), cache_dir=cache)
    assert any("blurred" in sentence for sentence in blurred.report.advice)


def test_a_small_picture_is_advised_against(cache):
    found = load_portrait(sample()[:320, 60:380], cache_dir=cache)
    assert any("shorter side is 320 px" in sentence for sentence in found.report.advice)


def test_a_tiny_face_is_advised_against(portrait, cache):
    scale = 20 / portrait.report.eye_distance_px
    small = cv2.resize(sample()[:400, 60:400], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = load_portrait(on_canvas(small, 600, 600, 200, 150), cache_dir=cache)
    assert any("px apart" in sentence for sentence in found.report.advice)


def test_the_distance_to_the_edge_is_measured_in_faces(portrait, cache):
    left = int(portrait.face_box[0]) - 5
    found = load_portrait(sample()[:, left:], cache_dir=cache)
    assert found.report.edge_distance == pytest.approx(5 / portrait.report.face_px, abs=0.05)
    assert any("edge" in sentence for sentence in found.report.advice)


def test_a_face_cut_through_the_mouth_is_refused(portrait):
    cut = sample()[: int(portrait.landmarks[13, 1])]
    with pytest.raises(PortraitError, match="cuts through"):
        check_quality(cut, portrait.landmarks, SquareCrop((226, 116), 165), 1, "a.png")


def test_a_smile_is_measured_and_no_reason_for_advice(portrait):
    assert portrait.report.mouth_open > 0.1  # teeth show
    assert not any("mouth is" in sentence for sentence in portrait.report.advice)


def test_a_mouth_too_wide_to_close_is_told(portrait):
    lower_lip = [14, 17, 84, 87, 178, 181, 314, 317, 402, 405]
    wide = portrait.landmarks.copy()
    wide[lower_lip, 1] += 0.1 * portrait.report.eye_distance_px
    found = check_quality(sample(), wide, SquareCrop((226, 116), 165), 1, "a.png")
    assert any("mouth is wide open" in sentence for sentence in found.advice)
