"""A browser shows the colours that were written: the picture of a video element, read through a canvas."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

import pytest
from browser import FLAGS

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from media_samples import flat

from sonic_core.media.writer import Encoding, write_video

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (224, 172, 138)]
BLUE_WITHOUT_GPU = 13
"""Without a GPU Chromium converts by libyuv, whose 8-bit factor for blue ends at 2.0 where BT.709 needs 2.112."""
SHOWN = """async ([content, type]) => {
    const video = document.createElement('video');
    video.muted = true;
    document.body.replaceChildren(video);
    video.src = `data:${type};base64,${content}`;
    await new Promise((done, fail) => {
        video.requestVideoFrameCallback(done);
        video.onerror = () => fail(video.error);
        video.play();
    });
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return [...context.getImageData(32, 32, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture(scope="module")
def page():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as running:
        try:
            browser = running.chromium.launch(executable_path=chromium, args=FLAGS)
        except playwright.Error as error:
            pytest.skip(f"no browser: {error}")
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mp4", "av1"), ("webm", "vp9")])
def test_a_browser_shows_the_colours_that_were_written(page, tmp_path, suffix, codec):
    for colour in COLOURS:
        path = write_video(flat(colour), None, tmp_path / f"a.{suffix}", Encoding(codec=codec), overwrite=True)
        shown = page.evaluate(SHOWN, [base64.b64encode(path.read_bytes()).decode(), f"video/{suffix}"])
        vivid = max(colour) - min(colour) > 128
        for place, (seen, written) in enumerate(zip(shown, colour, strict=True)):
            assert abs(seen - written) <= (BLUE_WITHOUT_GPU if vivid and place == 2 else 3), (colour, shown)
