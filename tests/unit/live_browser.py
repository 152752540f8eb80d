"""A browser without a screen: aiortc as the client of the live page's server, on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
from live_samples import LoudnessStage

from sonic_core.job import Job
from sonic_core.live.door import Door
from sonic_core.settings import Settings

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed (extra live)")
aiortc = pytest.importorskip("aiortc", reason="aiortc is not installed (extra live)")

from aiohttp.test_utils import TestClient, TestServer  # noqa: E402
from aiortc.mediastreams import MediaStreamError  # noqa: E402

from sonic_core.live.places import PlacesHere, Welcome  # noqa: E402
from sonic_core.live.recorder import Recording  # noqa: E402
from sonic_core.live.server import LiveServer  # noqa: E402

PATIENCE = 60  # s, for a busy machine


class SmallStage(LoudnessStage):
    """Large enough for a video codec."""

    width, height = 64, 48
    notes = ("The mouth is covered.",)


def recording(folder=None):
    return Recording(Job(None, None, folder / "live.mp4" if folder else None), "0" * 64)


def welcome(folder=None):
    return Welcome(Settings(), recording(folder))


def server_of(folder=None, door=None, sessions=2):
    return LiveServer(PlacesHere(SmallStage(), welcome(folder), sessions), door or Door())


@asynccontextmanager
async def client_of(server):
    """An aiohttp client of the running server."""
    async with TestClient(TestServer(server.application())) as client:
        yield client


class Voice(aiortc.MediaStreamTrack):
    """A tone of `level`, 20 ms after 20 ms in real time; silence while `level` is 0."""

    kind = "audio"

    def __init__(self, rate=48_000):
        super().__init__()
        self.level, self.rate, self.sent, self.start = 0.0, rate, 0, None
        self.late = {}  # s, by number of packet

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.start = loop.time() if self.start is None else self.start
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(max(0, self.start + 0.02 * self.sent + self.late.get(self.sent, 0) - loop.time()))
        size = self.rate // 50
        time = (np.arange(size) + self.sent * size) / self.rate
        samples = np.round(32767 * self.level * np.sin(2 * np.pi * 220 * time)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.repeat(2)[None], "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = self.rate, self.sent * size, Fraction(1, self.rate)
        self.sent += 1
        return frame


class Browser:
    """Connected after `async with Browser(client)`; `told` are the server's messages, newest last."""

    def __init__(self, client, voice=None):
        self.client, self.voice = client, voice or Voice()
        self.connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.channel = self.connection.createDataChannel("control")
        self.told, self.light, self.loudness = [], 0.0, 0.0
        self.pictures = self.packets = 0
        self.tasks = []
        self.channel.on("message", lambda message: self.told.append(json.loads(message)))
        self.connection.on("track", self._take)

    async def __aenter__(self):
        self.connection.addTrack(self.voice)
        self.connection.addTransceiver("video", direction="recvonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await self.client.post(
            "/offer", json={"sdp": self.connection.localDescription.sdp, "language": "zh-CN"}
        )
        assert answer.status == 200, await answer.text()
        await self.connection.setRemoteDescription(aiortc.RTCSessionDescription((await answer.json())["sdp"], "answer"))
        await self.until(lambda: self.last("ready") and self.pictures and self.packets)
        return self

    async def __aexit__(self, *_):
        await self.connection.close()
        await asyncio.gather(*self.tasks)

    def ask(self, do, **values):
        self.channel.send(json.dumps({"do": do, **values}))

    def last(self, what):
        """The newest message of that kind, None where none came."""
        return next((message for message in reversed(self.told) if message["tell"] == what), None)

    async def until(self, holds):
        """Wait until `holds()`, whose value is returned."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not (value := holds()):
            assert asyncio.get_running_loop().time() < end, f"waited for it in vain; told: {self.told[-5:]}"
            await asyncio.sleep(0.02)
        return value

    def _take(self, track):
        self.tasks.append(asyncio.ensure_future(self._watch(track) if track.kind == "video" else self._listen(track)))

    async def _watch(self, track):
        try:
            while True:
                picture = await track.recv()
                self.pictures += 1
                self.light = float(picture.to_ndarray(format="gray").mean())
        except MediaStreamError:
            pass

    async def _listen(self, track):
        try:
            while True:
                sound = await track.recv()
                self.packets += 1
                self.loudness = float(np.abs(sound.to_ndarray()).max()) / 32768
        except MediaStreamError:
            pass
