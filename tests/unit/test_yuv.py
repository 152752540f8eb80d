"""The writer's own way from RGB to BT.709 beside FFmpeg's."""

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from sonic_core.media.picture_track import TO_BT709
from sonic_core.media.yuv import yuv420_of
from sonic_core.portrait.loading import load_picture
from sonic_core.samples import PORTRAIT


@pytest.mark.parametrize("sides", [(512, 510), (2, 2), (66, 64)])
def test_colours_are_those_of_ffmpeg(sides):
    frame = np.ascontiguousarray(load_picture(PORTRAIT).image[: sides[0], : sides[1]])
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
    theirs = VideoReformatter().reformat(picture, format="yuv420p", **TO_BT709).to_ndarray()
    ours = yuv420_of(frame).to_ndarray()
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(("rgb", "yuv"), [((255, 255, 255), (235, 128, 128)), ((255, 0, 0), (63, 102, 240))])
def test_white_and_red_are_where_bt709_has_them(rgb, yuv):
    planes = yuv420_of(np.full((4, 4, 3), rgb, np.uint8)).to_ndarray().ravel()
    assert (planes[0], planes[16], planes[20]) == yuv
