"""A client of Pipecat's SmallWebRTCTransport on loopback: aiortc, which pings as Pipecat's own clients do."""

import asyncio

import aiortc
import numpy as np
from live_browser import Voice

PATIENCE = 120  # s, for a busy machine


class Client:
    """`connect` to a SmallWebRTCConnection that is not yet initialized; what it sees and hears is in `light` and `loudness`."""

    def __init__(self):
        self.connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.light = self.loudness = 0.0
        self.pictures, self.tasks, self.loudest = 0, [], 0.0
        self.channel = self.connection.createDataChannel("signalling")
        self.connection.addTrack(Voice())
        self.connection.addTransceiver("video")
        self.connection.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self._watch(track))))

    async def offer_to(self, server):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        await server.initialize(self.connection.localDescription.sdp, "offer")

    async def connect(self, server):
        answer = server.get_answer()
        await self.connection.setRemoteDescription(aiortc.RTCSessionDescription(answer["sdp"], answer["type"]))
        await server.connect()
        self._pinging = asyncio.ensure_future(self._ping())

    async def close(self):
        self._pinging.cancel()
        await self.connection.close()
        await asyncio.gather(*self.tasks)

    async def _watch(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.pictures += 1
                    self.light = float(frame.to_ndarray(format="gray").mean())
                else:
                    self.loudness = float(np.abs(frame.to_ndarray()).max()) / 32768
                    self.loudest = max(self.loudest, self.loudness)
        except aiortc.mediastreams.MediaStreamError:
            pass

    async def _ping(self):
        while True:
            if self.channel.readyState == "open":
                self.channel.send("ping: 1")
            await asyncio.sleep(1)


async def until(holds):
    end = asyncio.get_running_loop().time() + PATIENCE
    while not holds():
        assert asyncio.get_running_loop().time() < end, "waited in vain"
        await asyncio.sleep(0.02)
