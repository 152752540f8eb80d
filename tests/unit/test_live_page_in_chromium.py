"""The live page in a headless Chromium with a microphone that beeps: seen, heard, stopped, recorded, in Chinese, by keyboard."""

import asyncio
import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from batch_runs import POSIX
from live_browser import SmallStage, server_of, welcome

from sonic_core.live.door import Door
from sonic_core.live.places_apart import PlacesApart
from sonic_core.live.server import LiveServer, serve
from sonic_core.media.probe import probe

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",  # a beep every second
    "--use-fake-ui-for-media-stream",
]
PATIENCE = 90  # s, for a busy machine
TOKEN = "a-token-of-twenty-two-letters"
LIGHT = """() => {
    const canvas = new OffscreenCanvas(1, 1), video = document.getElementById('video');
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 1, 1);
    return video.videoWidth ? context.getImageData(0, 0, 1, 1).data[0] : -1;
}"""
NAMELESS = """() => [...document.querySelectorAll('button, input, select')].filter((one) =>
    one.offsetParent && !(one.textContent.trim() || one.labels?.[0]?.textContent.trim())).map((one) => one.id)"""
SIDEWAYS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@contextmanager
def running(server):
    """The address of the server, which runs in a thread."""
    loop, told, ready = asyncio.new_event_loop(), [], threading.Event()

    def tell(address):
        told.append(address)
        ready.set()

    async def until_cancelled():
        with suppress(asyncio.CancelledError):
            await serve(server, 0, tell)

    task = loop.create_task(until_cancelled())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(PATIENCE)
        loop.close()


def until(page, holds):
    end = time.monotonic() + PATIENCE
    while not (value := holds()):
        assert time.monotonic() < end, page.inner_text("body")
        page.wait_for_timeout(50)
    return value


def test_a_person_uses_the_page(tmp_path):
    server = server_of(tmp_path, Door("127.0.0.1", TOKEN))
    complaints = []
    with running(server) as address, api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_context(viewport={"width": 360, "height": 640}, locale="en-US").new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: line.type in ("error", "warning") and complaints.append(line.text))

        def light():
            return page.evaluate(LIGHT)

        page.goto(address.partition("#")[0])  # without the token
        until(page, lambda: page.is_visible("#token"))
        assert complaints
        assert all("401" in line for line in complaints)
        complaints.clear()
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        until(page, lambda: light() >= 0 and page.is_enabled("#microphone"))
        assert not page.is_visible("#again")
        assert page.evaluate(NAMELESS) == []
        assert not page.evaluate(SIDEWAYS)
        (peer,) = server.places.peers

        page.focus("#example")
        page.keyboard.press("Enter")
        until(page, lambda: light() > 60)
        assert page.is_checked("#sound")
        page.click("#record")
        until(page, lambda: page.inner_text("#length"))
        page.keyboard.press("Escape")
        until(page, lambda: light() < 30)
        assert page.inner_text("#status") == "Stopped."
        page.click("#record")
        until(page, lambda: page.locator("#recorded button").count() == 1)
        with page.expect_download() as download:
            page.click("#recorded button")
        download.value.save_as(tmp_path / "saved.mp4")

        page.focus("#motion_scale")
        page.keyboard.press("Home")
        page.select_option("#emotion", "sad")
        page.fill("#seed", "12345678901234")
        until(page, lambda: peer.session.settings.seed == 12345678901234)
        until(page, lambda: (peer.session.settings.motion_scale, peer.session.settings.emotion) == (0, "sad"))

        page.select_option("#language", "zh")
        assert page.inner_text("#stop") == "停止 Esc"
        assert page.get_attribute("html", "lang") == "zh-Hans"
        assert page.inner_text("#status") == "已停止。"
        page.click("#microphone")
        until(page, lambda: light() > 60)  # a beep
        assert page.get_attribute("#microphone", "aria-pressed") == "true"
        page.set_input_files("#file", {"name": "not sound.wav", "mimeType": "audio/wav", "buffer": b"nothing"})
        until(page, lambda: "not sound.wav" in page.inner_text("#error"))
        assert page.get_attribute("#microphone", "aria-pressed") == "false"
        until(page, lambda: light() < 30)
        assert complaints == []
        page.close()
        end = time.monotonic() + PATIENCE
        while server.places.peers and time.monotonic() < end:
            time.sleep(0.05)
        assert not server.places.peers
        chromium.close()
    assert probe(tmp_path / "saved.mp4").metadata["ai_generated"] == "true"


@POSIX
def test_a_place_that_dies_is_told_and_another_one_is_a_click_away():
    places = PlacesApart(SmallStage, welcome(), 1)
    with running(LiveServer(places, Door())) as address, api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_context(locale="en-US").new_page()
        page.goto(address)
        until(page, lambda: page.inner_text("#status").startswith("Live."))
        os.kill(places.pids[0], signal.SIGKILL)
        until(page, lambda: page.inner_text("#status").startswith("Nothing comes"))
        until(page, lambda: page.is_visible("#again"))
        assert page.inner_text("#error") == "The connection is lost."
        assert [page.inner_text(place) for place in ("#status", "#waits")] == ["Not connected."] * 2
        until(page, lambda: places.free)
        page.click("#again")
        until(page, lambda: page.inner_text("#status").startswith("Live."))
        chromium.close()
