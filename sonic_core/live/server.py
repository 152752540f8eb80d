"""The live page's server: static files, one route that answers WebRTC offers, one that hands out what was recorded (aiohttp)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ..errors import SettingsError
from ..samples import SPEECH
from ..words.catalogue import known, translated
from .door import HEADERS, Door
from .ice import IceServer
from .places import Places

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


@dataclass
class LiveServer:
    """One portrait for a few people at a time.

    places: where those who come are served.  door: who may come in.  ice_servers: that browsers are told of.
    """

    places: Places
    door: Door = field(default_factory=Door)
    ice_servers: Sequence[IceServer] = ()

    @property
    def recorded(self) -> list[Path]:
        """What was recorded so far."""
        return list(self.places.recorded.values())

    def application(self) -> web.Application:
        """The aiohttp application; closing it ends all sessions."""
        app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[self._guard])
        for path, (name, kind) in FILES.items():
            app.router.add_get(path, _file(PAGE / name, kind))
        app.router.add_get("/example.wav", _file(SPEECH, "audio/wav"))
        app.router.add_post("/config", self._config)
        app.router.add_post("/offer", self._offer)
        app.router.add_post("/recordings/{name}", self._download)
        app.on_startup.append(self._open)
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
        try:
            answer = await self.places.answer(offer, language, lambda: request.transport is None)
        except SettingsError as error:
            return self._refused(request, HTTPStatus.BAD_REQUEST, str(error), language)
        if answer is None:
            why = f"All {self.places.count} places are taken. Try again when somebody has left."
            if self.places.restarting:
                why = "A place is being made ready. Try again in half a minute."
            return self._refused(request, HTTPStatus.SERVICE_UNAVAILABLE, why, language)
        return web.json_response({"sdp": answer, "type": "answer"})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A recording of this run, by its name alone."""
        path = self.places.recorded.get(request.match_info["name"])
        if path is None or not path.is_file():
            return self._refused(request, HTTPStatus.NOT_FOUND, "There is no such recording.")
        return web.FileResponse(path)

    def _refused(self, request: web.Request, status: HTTPStatus, why: str, language: str | None = None) -> web.Response:
        language = language or known(request.headers.get("Accept-Language", "en"))
        log.info("Refused %s %s: %s", request.method, request.path, why)
        return web.json_response({"message": translated(why, language)}, status=status)

    async def _open(self, _: web.Application) -> None:
        await self.places.open()

    async def _close(self, _: web.Application) -> None:
        """End all sessions; those too that are ending already, with their recordings."""
        await self.places.close()


async def serve(server: LiveServer, port: int, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `ready` is told the address.  port: 0 = any that is free.  Raises SettingsError where it cannot listen."""
    runner = web.AppRunner(server.application(), access_log=None)
    try:
        with _plain_listening_errors(server.door.host, port):
            await _try_listening(server.door.host, port)
        await runner.setup()
        with _plain_listening_errors(server.door.host, port):
            await web.TCPSite(runner, server.door.host, port).start()
        ready(_address(server.door, runner.addresses[0][1]))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        await server.places.close()  # where it did not get as far as a server


async def _try_listening(host: str, port: int) -> None:
    """Raises OSError where that cannot be, before anything that takes seconds is begun."""
    listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    listening.close()
    await listening.wait_closed()


@contextmanager
def _plain_listening_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}, port {port} ({error.strerror or error}). Choose another --port or --host."
        ) from error


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
