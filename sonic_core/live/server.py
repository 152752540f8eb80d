"""The live page's server: static files, one route that answers WebRTC offers, one that hands out what was recorded (aiohttp)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from aiortc import RTCIceServer

from ..engines.streaming import Stage
from ..errors import SettingsError
from ..frames import FrameStream
from ..media.visible_label import with_visible_label
from ..samples import SPEECH
from ..settings import Settings
from ..words.catalogue import known, translated
from .door import HEADERS, Door
from .peer import Peer
from .recorder import Recording

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
LARGEST_REQUEST = 64_000  # bytes; an offer has about 6000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server that helps through firewalls, as the browser and aiortc name it."""

    url: str
    username: str = ""
    password: str = ""

    def __post_init__(self) -> None:
        if self.url.partition(":")[0] not in ("stun", "turn", "turns") or not self.url.partition(":")[2]:
            raise SettingsError(
                f"{self.url!r} is no STUN or TURN server. Expected stun:HOST:PORT, or turn:HOST:PORT with a name and a password."
            )

    def for_browser(self) -> dict[str, str]:
        """As RTCPeerConnection takes it."""
        named = {"username": self.username, "credential": self.password} if self.username else {}
        return {"urls": self.url, **named}


@dataclass
class LiveServer:
    """One portrait for a few people at a time; checked on construction (`SettingsError`).

    stage: the portrait, made ready.  settings: that a session begins with.  recording: where it may record.  door: who may come in.
    sessions: at the same time.  ice_servers: for both sides.
    """

    stage: Stage
    settings: Settings
    recording: Recording
    door: Door = field(default_factory=Door)
    sessions: int = 2
    ice_servers: Sequence[IceServer] = ()

    def __post_init__(self) -> None:
        if self.sessions < 1:
            raise SettingsError(f"sessions is {self.sessions}; expected 1 or more.")
        # Whether the label fits: told now, and not to everybody who comes.
        shape = FrameStream(1, self.stage.width, self.stage.height, self.stage.fps, lambda: iter(()))
        with_visible_label(shape, self.recording.job.labels.visible)
        self.peers: set[Peer] = set()
        self._recorded: dict[str, Path] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def recorded(self) -> list[Path]:
        """What was recorded so far."""
        return list(self._recorded.values())

    def application(self) -> web.Application:
        """The aiohttp application; closing it ends all sessions."""
        app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[self._guard])
        for path, (name, kind) in FILES.items():
            app.router.add_get(path, _file(PAGE / name, kind))
        app.router.add_get("/example.wav", _file(SPEECH, "audio/wav"))
        app.router.add_post("/config", self._config)
        app.router.add_post("/offer", self._offer)
        app.router.add_post("/recordings/{name}", self._download)
        app.on_shutdown.append(self._close)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The door before every route, our headers on every answer."""
        response: web.StreamResponse
        headers = request.headers
        try:
            why = self.door.refusal(request.host, headers.get("Origin"), headers.get("Sec-Fetch-Site"))
            if why is not None:
                response = self._refused(request, HTTPStatus.FORBIDDEN, why)
            elif request.method == "POST" and not self.door.admits(headers.get("Authorization")):
                response = self._refused(request, HTTPStatus.UNAUTHORIZED, "The token is missing or wrong.")
            elif request.method == "POST" and request.content_type != "application/json":
                response = self._refused(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Expected JSON.")
            else:
                response = await handler(request)
        except web.HTTPException as refused:
            response = web.json_response({"message": refused.reason}, status=refused.status)
        response.headers.update(HEADERS)
        return response

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response({"iceServers": [server.for_browser() for server in self.ice_servers]})

    async def _offer(self, request: web.Request) -> web.Response:
        asked = await _json(request)
        offer, language = asked.get("sdp"), known(str(asked.get("language", "en")))
        if not isinstance(offer, str):
            return self._refused(request, HTTPStatus.BAD_REQUEST, "The offer is missing.", language)
        if len(self.peers) >= self.sessions:
            why = f"All {self.sessions} places are taken. Try again when somebody has left."
            return self._refused(request, HTTPStatus.SERVICE_UNAVAILABLE, why, language)
        peer = Peer(
            self.stage,
            self.settings,
            self.recording,
            self._note_recording,
            [RTCIceServer(one.url, one.username or None, one.password or None) for one in self.ice_servers],
            self.recording.job.labels.visible,
            language,
        )
        self.peers.add(peer)
        task = asyncio.get_running_loop().create_task(self._until_closed(peer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        try:
            answer = await peer.answer(offer)
        except SettingsError as error:
            return self._refused(request, HTTPStatus.BAD_REQUEST, str(error), language)
        return web.json_response({"sdp": answer, "type": "answer"})

    async def _until_closed(self, peer: Peer) -> None:
        await peer.closed.wait()
        self.peers.discard(peer)
        await peer.gone.wait()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A recording of this run, by its name alone."""
        path = self._recorded.get(request.match_info["name"])
        if path is None or not path.is_file():
            return self._refused(request, HTTPStatus.NOT_FOUND, "There is no such recording.")
        return web.FileResponse(path)

    def _note_recording(self, path: Path) -> None:
        self._recorded[path.name] = path
        log.info("Recorded: %s", path)

    def _refused(self, request: web.Request, status: HTTPStatus, why: str, language: str | None = None) -> web.Response:
        language = language or known(request.headers.get("Accept-Language", "en"))
        log.info("Refused %s %s: %s", request.method, request.path, why)
        return web.json_response({"message": translated(why, language)}, status=status)

    async def _close(self, _: web.Application) -> None:
        """End all sessions; those too that are ending already, with their recordings."""
        await asyncio.gather(*(peer.close() for peer in list(self.peers)))
        await asyncio.gather(*self._closing)


async def serve(server: LiveServer, port: int, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `ready` is told the address.  port: 0 = any that is free.  Raises SettingsError where it cannot listen."""
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, server.door.host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {server.door.host}, port {port} ({error.strerror or error}). Choose another --port or --host."
            ) from error
        ready(_address(server.door, runner.addresses[0][1]))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _address(door: Door, port: int) -> str:
    """The page's address; the token stands behind #, which browsers send nowhere."""
    host = "127.0.0.1" if door.host in ("0.0.0.0", "::") else door.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"#{quote(door.token, safe='')}" if door.token else "")


def _file(path: Path, kind: str) -> Handler:
    content = path.read_bytes()
    charset = "utf-8" if kind.startswith("text/") else None

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset=charset)

    return give


async def _json(request: web.Request) -> Mapping[str, Any]:
    try:
        asked = await request.json()
    except (ValueError, RecursionError):
        asked = None
    return asked if isinstance(asked, dict) else {}
