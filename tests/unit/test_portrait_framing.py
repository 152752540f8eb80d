"""Framing: sizes, coordinates that follow the pixels, and the way back into the whole picture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from portrait_samples import SAMPLE, plain_portrait

from sonic_core.errors import PortraitError, SettingsError
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.framing import PasteBack, face_crop, frame_portrait

BOX = (180.0, 150.0, 300.0, 290.0)


@pytest.fixture(scope="module")
def portrait():
    return plain_portrait(601, 441, BOX)


def with_dots(portrait):
    """The portrait with a white dot on black at some landmarks, to follow them through a change of size."""
    chosen = portrait.landmarks[[10, 152, 33, 263]].round()
    image = np.zeros_like(portrait.image)
    for x, y, _ in chosen:
        cv2.circle(image, (int(x), int(y)), 4, (255, 255, 255), -1)
    landmarks = portrait.landmarks.copy()
    landmarks[[10, 152, 33, 263]] = chosen
    return replace(portrait, image=image, landmarks=landmarks)


@pytest.mark.parametrize("framing", ["full", "face"])
@pytest.mark.parametrize("resolution", [256, 512, 1024])
def test_the_short_side_is_as_asked_and_sizes_are_even(portrait, framing, resolution):
    framed = frame_portrait(portrait, framing, resolution, 0.18)
    height, width = framed.portrait.image.shape[:2]
    assert min(height, width) == resolution
    assert height % 2 == width % 2 == 0
    assert framed.paste is None
    assert f"to {width} x {height}" in framed.notes[0]


def test_full_keeps_the_aspect_within_a_pixel(portrait):
    framed = frame_portrait(portrait, "full", 512, 0.18).portrait
    assert abs(framed.height - 512 * 601 / 441) <= 1


def test_a_portrait_of_the_right_size_passes_untouched():
    portrait = plain_portrait(600, 512, BOX)
    framed = frame_portrait(portrait, "full", 512, 0.18)
    assert framed.portrait is portrait
    assert framed.notes == ()


@pytest.mark.parametrize(("framing", "resolution"), [("full", 1024), ("full", 256), ("face", 512), ("paste_back", 512)])
def test_landmarks_follow_the_pixels(portrait, framing, resolution):
    framed = frame_portrait(with_dots(portrait), framing, resolution, 0.3).portrait
    for x, y, _ in framed.landmarks[[10, 152, 33, 263]]:
        radius = 4 * framed.report.face_px / portrait.report.face_px
        low_x, low_y = int(x - 2 * radius), int(y - 2 * radius)
        patch = framed.image[low_y : int(y + 2 * radius) + 1, low_x : int(x + 2 * radius) + 1, 0].astype(float)
        rows, columns = np.indices(patch.shape)
        centre = np.array([(columns * patch).sum(), (rows * patch).sum()]) / patch.sum() + (low_x, low_y)
        assert np.abs(centre - (x, y)).max() < 0.25


@pytest.mark.parametrize("framing", ["full", "face", "paste_back"])
def test_box_eyes_and_report_move_with_the_landmarks(portrait, framing):
    framed = frame_portrait(portrait, framing, 512, 0.18).portrait
    scale = framed.report.face_px / portrait.report.face_px
    start = framed.landmarks[0, :2] - portrait.landmarks[0, :2] * scale
    assert np.allclose(framed.irises, portrait.irises * scale + start, atol=0.6)
    assert np.allclose(framed.eye_contours, portrait.eye_contours * scale + start, atol=0.6)
    assert np.allclose(framed.face_box, np.array(BOX) * scale + np.tile(start, 2), atol=0.6)
    assert np.allclose(framed.landmarks[:, 2], portrait.landmarks[:, 2] * scale, atol=0.1)
    assert framed.report.eye_distance_px == pytest.approx(portrait.report.eye_distance_px * scale)
    assert framed.report.advice == portrait.report.advice


def test_the_face_crop_holds_the_face_its_margin_and_headroom(portrait):
    x0, y0, x1, y1 = face_crop(portrait, 0.2)
    face = 140
    assert x1 - x0 == y1 - y0 == pytest.approx((1 + 0.4 + 0.35) * face, abs=2)
    assert x0 <= 180 - 0.2 * 120
    assert 150 - y0 == pytest.approx((0.2 + 0.35) * face, abs=2)
    assert y1 - 290 == pytest.approx(0.2 * face, abs=2)


@pytest.mark.parametrize("box", [(2.0, 3.0, 122.0, 143.0), (318.0, 455.0, 438.0, 595.0), (5.0, 150.0, 435.0, 590.0)])
def test_the_face_crop_stays_inside_the_picture_and_holds_the_face(box):
    x0, y0, x1, y1 = face_crop(plain_portrait(601, 441, box), 0.5)
    assert 0 <= x0 <= box[0]
    assert 0 <= y0 <= box[1]
    assert box[2] - 1 <= x1 <= 441
    assert box[3] - 1 <= y1 <= 601


def test_the_headroom_is_above_the_head_of_a_lying_face(portrait):
    lying = replace(
        portrait,
        landmarks=np.stack([-portrait.landmarks[:, 1] + 440, portrait.landmarks[:, 0], portrait.landmarks[:, 2]], -1),
        face_box=(440 - 290.0, 180.0, 440 - 150.0, 300.0),
    )  # top of the head to the image right
    x0, _, x1, _ = face_crop(lying, 0.2)
    assert x1 - lying.face_box[2] > lying.face_box[0] - x0 + 30


def test_alpha_is_framed_like_the_picture(portrait):
    alpha = portrait.image[..., 0]
    black_over_white = np.repeat(255 - alpha[..., None], 3, 2)
    cut_out = replace(portrait, alpha=alpha, image=black_over_white)
    framed = frame_portrait(cut_out, "face", 512, 0.18).portrait
    assert np.abs(framed.alpha.astype(int) + framed.image[..., 0] - 255).max() <= 1


def test_the_digest_changes_with_the_pixels(portrait):
    digests = {
        frame_portrait(portrait, framing, 512, 0.18).portrait.digest for framing in ("full", "face", "paste_back")
    }
    assert len(digests | {portrait.digest}) == 4


def test_an_untouched_crop_pastes_back_bit_exactly(portrait):
    framed = frame_portrait(portrait, "paste_back", 512, 0.18)
    assert np.array_equal(framed.paste.apply(framed.portrait.image), portrait.image[:600, :440])
    assert "440 x 600" in framed.notes[0]


def test_paste_back_keeps_every_bit_outside_the_crop_and_the_frame_inside(portrait):
    framed = frame_portrait(portrait, "paste_back", 512, 0.18)
    frame = 255 - framed.portrait.image
    whole = framed.paste.apply(frame)
    x0, y0, x1, y1 = framed.paste.box
    outside = np.ones(whole.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    assert np.array_equal(whole[outside], framed.paste.image[outside])
    edge = round(0.06 * (x1 - x0))
    inner = slice(edge, -edge)
    assert np.array_equal(whole[y0:y1, x0:x1][inner, inner], frame[inner, inner])


def test_the_seam_of_a_pasted_frame_is_smooth():
    paste = PasteBack(np.zeros((400, 400, 3), np.uint8), (100, 100, 300, 300))
    row = paste.apply(np.full((200, 200, 3), 200, np.uint8))[200, :, 0].astype(int)
    assert row[99] == 0
    assert row[150] == 200
    assert np.abs(np.diff(row)).max() < 200 * 0.15


def test_there_is_no_seam_where_the_crop_ends_with_the_picture():
    paste = PasteBack(np.zeros((200, 400, 3), np.uint8), (0, 0, 200, 200))
    whole = paste.apply(np.full((200, 200, 3), 200, np.uint8))
    assert (whole[:, :180] == 200).all()
    assert (whole[:, 200:] == 0).all()


def test_a_large_crop_is_animated_smaller_and_pasted_at_full_size():
    portrait = plain_portrait(3000, 3000, (700.0, 700.0, 2200.0, 2200.0))
    framed = frame_portrait(portrait, "paste_back", 512, 0.18)
    assert framed.portrait.image.shape[:2] == (1536, 1536)
    assert framed.paste.apply(framed.portrait.image).shape == (3000, 3000, 3)
    assert any("shrunk" in note for note in framed.notes)
    assert any("own size, 3000 x 3000" in note for note in framed.notes)


def test_unknown_framing_is_refused(portrait):
    with pytest.raises(SettingsError, match="full, face, paste_back"):
        frame_portrait(portrait, "half", 512, 0.18)


def test_a_framed_face_measures_like_the_whole(tmp_path):
    whole = load_portrait(SAMPLE, cache_dir=tmp_path)
    framed = frame_portrait(whole, "face", 512, 0.18).portrait
    again = load_portrait(framed.image, cache_dir=tmp_path)
    error = np.linalg.norm(again.landmarks[:, :2] - framed.landmarks[:, :2], axis=1).mean()
    assert error / framed.report.eye_distance_px < 0.02


@pytest.mark.parametrize(("aspect", "ratio"), [("9:16", 9 / 16), ("1:1", 1.0), ("16:9", 16 / 9), ("3:4", 0.75)])
@pytest.mark.parametrize("framing", ["full", "face"])
def test_a_shape_is_cut_out_around_the_face(aspect, ratio, framing):
    portrait = plain_portrait(900, 1200, (500.0, 300.0, 620.0, 440.0))
    framed = frame_portrait(portrait, framing, 0, 0.18, aspect).portrait
    assert framed.width / framed.height == pytest.approx(ratio, abs=0.01)
    x0, y0, x1, y1 = framed.face_box
    assert 0 <= x0 < x1 < framed.width
    assert 0 <= y0 < y1 < framed.height


def test_a_picture_too_small_for_a_shape_is_told():
    portrait = plain_portrait(300, 600, (100.0, 40.0, 320.0, 280.0))
    with pytest.raises(PortraitError, match="cut to 9:16 it shows 169 x 300"):
        frame_portrait(portrait, "full", 0, 0.18, "9:16")


def test_no_shape_for_paste_back():
    with pytest.raises(SettingsError, match="keeps the whole picture"):
        frame_portrait(plain_portrait(300, 600, (100.0, 40.0, 220.0, 180.0)), "paste_back", 0, 0.18, "1:1")


@pytest.mark.parametrize(("own", "short"), [(100, 256), (601, 600), (1080, 1080), (3000, 1080)])
def test_without_a_size_the_picture_keeps_its_own_within_bounds(own, short):
    portrait = plain_portrait(own, 2 * own, (0.3 * own, 0.2 * own, 0.7 * own, 0.7 * own))
    assert min(frame_portrait(portrait, "full", 0, 0.18).portrait.image.shape[:2]) == short
