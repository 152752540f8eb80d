"""Glass to glass: from a click in a browser's microphone to the flash in its picture and to the click in its loudspeaker, on loopback.

A headless Chromium opens the live page; its fake microphone plays a file with a click every 2 s.  The engine hears and draws as ever, and
over its picture a white field is laid in frames that are loud.  Times are taken in the page: of the microphone's own track, of the picture
when it is shown, and of the sound that is played.  Needs playwright and chromium.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import wave
from pathlib import Path

import numpy as np

from sonic_core.engines.registry import load_engine
from sonic_core.engines.streaming import Moment, Performance, Stage
from sonic_core.frames import Frame
from sonic_core.job import Job
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT
from sonic_core.settings import Settings

from .table import Row

TITLE = "Glass to glass (lite, 512, headless Chromium, loopback)"
CLICKS, BETWEEN, CLICK = 10, 2.0, 0.2  # how many; s
RATE, FRAME = 48_000, 640
WATCH = """() => {
    const video = document.getElementById('video'), canvas = new OffscreenCanvas(8, 8);
    const pixels = canvas.getContext('2d', { willReadFrequently: true });
    const context = new AudioContext(), seen = { mic: [], picture: [], sound: [] }, last = {};
    const note = (what, on) => {
        if (on && !last[what]) seen[what].push(performance.now());
        last[what] = on;
    };
    const ear = (what, stream) => {
        const analyser = context.createAnalyser(), samples = new Float32Array(256);
        analyser.fftSize = 256;
        context.createMediaStreamSource(stream).connect(analyser);
        setInterval(() => {
            analyser.getFloatTimeDomainData(samples);
            note(what, samples.some((sample) => Math.abs(sample) > 0.1));
        }, 4);
    };
    ear('mic', window.heard);
    ear('sound', video.srcObject);
    const look = () => {
        pixels.drawImage(video, 0, 0, 8, 8);
        note('picture', pixels.getImageData(0, 0, 1, 1).data[0] > 220);
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    window.seen = seen;
}"""
KEEP_MICROPHONE = """
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        wanted.audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        return (window.heard = await open(wanted));
    };
"""


class Flashing(Stage):
    """An engine's stage whose picture has a white corner in loud frames."""

    def __init__(self, stage: Stage) -> None:
        self.inner = stage
        self.width, self.height, self.fps = stage.width, stage.height, stage.fps
        self.step, self.look_ahead, self.notes = stage.step, stage.look_ahead, stage.notes

    def perform(self, settings: Settings) -> Performance:
        return _Flashing(self.inner, settings)

    def draw(self, pose: tuple[object, bool]) -> Frame:
        image = self.inner.draw(pose[0])
        if pose[1]:
            image = image.copy()
            image[: self.height // 4, : self.width // 4] = 255
        return image


class _Flashing(Performance):
    def __init__(self, stage: Stage, settings: Settings) -> None:
        self.inner, self.loud = stage.perform(settings), [False] * stage.look_ahead

    def hear(self, sound: np.ndarray) -> list[Moment]:
        self.loud += [bool(np.abs(part).max() > 0.1) for part in sound.reshape(-1, FRAME)]
        moments = self.inner.hear(sound)
        loud, self.loud = self.loud[: len(moments)], self.loud[len(moments) :]
        return [Moment((moment.pose, flash), moment.speaking) for moment, flash in zip(moments, loud, strict=True)]

    def adjust(self, settings: Settings) -> None:
        self.inner.adjust(settings)

    def interrupt(self, unshown: int) -> None:
        self.inner.interrupt(unshown)


def measure() -> list[Row]:
    from playwright.sync_api import sync_playwright

    from sonic_core.live.door import Door
    from sonic_core.live.places import PlacesHere, Welcome
    from sonic_core.live.recorder import Recording
    from sonic_core.live.server import LiveServer, serve

    stage = Flashing(load_engine().stage(load_portrait(PORTRAIT), Settings(min_resolution=512)))
    server = LiveServer(PlacesHere(stage, Welcome(Settings(), Recording(Job(None, None), ""))), Door())
    loop, told, ready = asyncio.new_event_loop(), list[str](), threading.Event()
    task = loop.create_task(serve(server, 0, lambda address: (told.append(address), ready.set())[0]))
    serving = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    serving.start()
    ready.wait()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--autoplay-policy=no-user-gesture-required",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={clicks(Path(folder) / 'clicks.wav')}",
        ]
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = chromium.new_context(viewport={"width": 700, "height": 600}).new_page()
        page.add_init_script(KEEP_MICROPHONE)
        page.goto(told[0])
        page.click("#microphone", timeout=60_000)
        page.wait_for_timeout(2_000)
        page.check("#sound")
        page.evaluate(WATCH)
        page.wait_for_timeout(1000 * (CLICKS + 1) * BETWEEN)
        seen = page.evaluate("() => window.seen")
        (peer,) = server.places.peers
        stats = peer.session.stats
        chromium.close()
    loop.call_soon_threadsafe(task.cancel)
    serving.join()
    to_picture, to_sound = (after(seen["mic"], seen[what]) for what in ("picture", "sound"))
    return [
        Row("clicks that were seen", int(np.isfinite(to_picture).sum()), f"of {len(to_picture)}"),
        Row("click to flash, median", float(np.nanmedian(to_picture)), "ms"),
        Row("click to flash, the slowest", float(np.nanmax(to_picture)), "ms"),
        Row("click to click, median", float(np.nanmedian(to_sound)), "ms"),
        Row("flash after the click that is heard, median", float(np.nanmedian(to_picture - to_sound)), "ms"),
        Row("of it in the session (sound in to frame out), median", stats.latency_ms, "ms"),
        Row("pictures left out", 100 * stats.dropped / stats.frames, "%"),
    ]


def clicks(path: Path) -> Path:
    """A wav with a short tone at the beginning of every BETWEEN seconds; Chromium repeats it."""
    sound = np.zeros(round(BETWEEN * RATE), np.int16)
    times = np.arange(round(CLICK * RATE)) / RATE
    sound[: len(times)] = np.round(20_000 * np.sin(2 * np.pi * 880 * times))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    return path


def after(starts: list[float], events: list[float]) -> np.ndarray:
    """For every start the ms to the first event within BETWEEN s after it, NaN where there is none."""
    waits = np.array([min((event - start for event in events if event >= start), default=np.inf) for start in starts])
    return np.where(waits < 1000 * BETWEEN, waits, np.nan)


if __name__ == "__main__":
    from .table import markdown

    print(markdown(TITLE, measure()))
