"""What the sonic engine does with sizes that its networks cannot have, and which inputs it refuses."""

import cv2
import numpy as np
import pytest
from sonic_samples import portrait

from sonic_core.diffusion.windows import CircularWindows, OpenWindows
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.sonic.framing import MAX_LONG_SIDE, frame
from sonic_core.errors import PortraitError, SettingsError
from sonic_core.portrait.manual import portrait_in_box, whole_picture
from sonic_core.settings import Settings


def stretched(width, height):
    return whole_picture(cv2.resize(portrait().image, (width, height)))


def test_sizes_that_are_no_multiple_of_64_are_rounded_and_reported():
    framed = frame(stretched(500, 700), Settings(min_resolution=512))
    assert framed.image.shape[:2] == (704, 512)
    assert (framed.portrait.width, framed.portrait.height) == (512, 716)
    assert any("generated at 512 x 704 (multiples of 64) and brought to 512 x 716" in note for note in framed.notes)


def test_a_size_that_fits_is_not_reported():
    framed = frame(stretched(512, 640), Settings(min_resolution=512))
    assert framed.image.shape[:2] == (640, 512)
    assert framed.notes == ()


def test_the_long_side_is_capped_with_a_message():
    framed = frame(stretched(300, 1200), Settings(min_resolution=1024))
    assert max(framed.image.shape) <= MAX_LONG_SIDE
    assert any("short side is 384 px instead of 1024" in note for note in framed.notes)


@pytest.mark.parametrize("windows", [CircularWindows, OpenWindows])
@pytest.mark.parametrize("overlap", [25, 26, -1])
def test_an_overlap_as_long_as_the_window_is_refused(windows, overlap):
    with pytest.raises(SettingsError, match="overlap must be from 0 to 24"):
        windows(25, overlap)


def test_no_steps_are_refused():
    with pytest.raises(SettingsError, match="inference_steps is 0"):
        Settings(inference_steps=0)


def test_a_box_is_framed_upright_with_room_around_it():
    framed = frame(
        portrait_in_box(portrait().image, (100, 100, 200, 200)), Settings(framing="face", min_resolution=256)
    )
    assert framed.image.shape[:2] == (256, 256)
    white = np.argwhere(framed.mask > 127)
    assert len(white) < framed.mask.size
    assert framed.mask[white.mean(0).astype(int)[0], 128] == 255


@pytest.mark.parametrize("place", range(4))
def test_a_box_of_what_is_no_number_is_refused(place):
    box = [100, 100, 200, 200]
    box[place] = float("nan")
    with pytest.raises(PortraitError, match="the face box is"):
        portrait_in_box(portrait().image, box)


def test_the_lite_engine_refuses_a_portrait_without_a_mesh():
    with pytest.raises(PortraitError, match="takes no face box and no mask"):
        LiteEngine(motion=object()).prepare(whole_picture(portrait().image), None, Settings())
