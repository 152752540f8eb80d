"""One ComfyUI server: its HTTP interface and its websocket, as far as a queue of clips needs them.

The server keeps its queue in memory and takes the ids of prompts from us, so that what became of one can always be asked.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import websockets

from ..errors import OutputError, SettingsError

PATIENCE = httpx.Timeout(60.0, connect=10.0)
LARGEST_MESSAGE = 64 * 2**20  # bytes; previews come as pictures
ENDS = ("execution_success", "execution_error", "execution_interrupted")
GONE = (httpx.TransportError, websockets.WebSocketException)
"""What a server that stops, or has stopped, makes of a request."""


class RefusedError(Exception):
    """The server does not take a prompt; the reason in its words."""


class ComfyServer:
    """url: such as http://127.0.0.1:8188.  Methods raise one of GONE where nobody answers, OutputError where the answer makes no sense."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(f"--server is {url!r}; expected an address such as http://127.0.0.1:8188.")
        self.client = uuid.uuid4().hex
        self.http = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, trust_env=False)

    async def close(self) -> None:
        await self.http.aclose()

    async def definitions(self) -> dict[str, Any]:
        return await self._json("/object_info")

    async def queued(self) -> tuple[list[str], list[str]]:
        """Ids of the prompts that run and that wait, everybody's."""
        found = await self._json("/queue")
        return [item[1] for item in found["queue_running"]], [item[1] for item in found["queue_pending"]]

    async def submit(self, prompt: Mapping[str, Any], identity: str) -> None:
        """Queue a prompt under an id of ours.  Raises RefusedError."""
        body = {"prompt": prompt, "client_id": self.client, "prompt_id": identity}
        answer = await self.http.post("/prompt", json=body)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise RefusedError(_reasons(answer))
        if answer.is_error:
            raise OutputError(f"{self.url} answers {answer.status_code} to a prompt: {answer.text[:200]}")

    async def upload(self, path: Path, name: str) -> str:
        """Put a file of ours into the server's input folder; returns the name by which nodes find it."""
        with path.open("rb") as file:
            form = {"type": "input", "overwrite": "true"}
            answer = await self.http.post("/upload/image", files={"image": (name, file)}, data=form)
        if answer.is_error:
            raise OutputError(f"{self.url} does not take {path.name} ({answer.status_code}). Is it too large for it?")
        return answer.json()["name"]

    async def history(self, identity: str) -> dict[str, Any] | None:
        """What became of a prompt that has ended, None = it has not, or the server does not know it."""
        return (await self._json(f"/history/{identity}")).get(identity)

    async def remove(self, identities: list[str]) -> None:
        """Take prompts of ours out of the queue; the one that runs is interrupted."""
        await self.http.post("/queue", json={"delete": identities})
        running, _ = await self.queued()
        for identity in set(running) & set(identities):
            await self.http.post("/interrupt", json={"prompt_id": identity})

    async def download(self, file: Mapping[str, str], target: Path) -> None:
        """A result, in pieces.  Raises OutputError when the server does not have it or it cannot be written here."""
        query = {name: file.get(name, "") for name in ("filename", "subfolder", "type")}
        async with self.http.stream("GET", "/view", params=query) as answer:
            if answer.is_error:
                raise OutputError(f"{self.url} does not hand out {file['filename']} ({answer.status_code}).")
            try:
                with target.open("wb") as to:
                    async for piece in answer.aiter_bytes():
                        to.write(piece)
            except OSError as error:
                raise OutputError(f"{target.name} cannot be written ({error.strerror}). Free some space.") from error

    async def endings(self) -> AsyncIterator[str]:
        """Ids of our prompts as they end, "" for any other sign of life; ends, or raises one of GONE or OSError, with the connection."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws?clientId={self.client}"
        async with websockets.connect(address, max_size=LARGEST_MESSAGE, proxy=None) as socket:
            yield ""
            async for message in socket:
                told = {}
                if isinstance(message, str):
                    with suppress(ValueError):
                        told = json.loads(message)
                yield told["data"].get("prompt_id", "") if told.get("type") in ENDS else ""

    async def is_up(self) -> bool:
        with suppress(*GONE, OutputError):
            await self.queued()
            return True
        return False

    async def _json(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        try:
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPStatusError, ValueError) as error:
            raise OutputError(
                f"{self.url} answers {answer.status_code} to {path}: this is no ComfyUI, or it wants a login."
            ) from error


def files_of(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """The files that a prompt has saved, each once, in the order of its nodes."""
    found = {}
    for output in (entry.get("outputs") or {}).values():
        for items in output.values():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and item.get("type") == "output":
                    found[item.get("subfolder", ""), item["filename"]] = item
    return list(found.values())


def failure_of(entry: Mapping[str, Any]) -> str:
    """Why a prompt failed, "" = it did not."""
    status = entry.get("status") or {}
    for kind, data in status.get("messages") or []:
        if kind == "execution_error":
            return f"{data.get('node_type')}: {str(data.get('exception_message')).strip()}"
        if kind == "execution_interrupted":
            return "it was interrupted on the server"
    return "" if status.get("status_str", "success") == "success" else "the server says no more than error"


def _reasons(answer: httpx.Response) -> str:
    """The words of a refusal, of its nodes first."""
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    reasons = [
        f"{node.get('class_type')}: {error.get('message')} {error.get('details', '')}".strip()
        for node in (told.get("node_errors") or {}).values()
        for error in node.get("errors") or []
    ]
    general = told.get("error")
    return "; ".join(reasons) or (general.get("message", "") if isinstance(general, dict) else str(general))


async def first_definitions(servers: list[ComfyServer]) -> dict[str, Any]:
    """What the first server that answers knows.  Raises OutputError when none does."""
    for server in servers:
        with suppress(*GONE, asyncio.TimeoutError):
            return await server.definitions()
    raise OutputError(
        f"No ComfyUI answers at {', '.join(server.url for server in servers)}. Start it, or check address and port."
    )
