"""A real ComfyUI for the tests: started on loopback with folders of its own, driven over HTTP and its websocket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"
TEMPLATE_FILES = ("sonic_sample_portrait.jpg", "sonic_sample_speech.mp3")
ENDS = {"execution_success", "execution_error", "execution_interrupted"}


WORDS = b"\0\0\0\3"
"""How a line of progress on a node begins; other binary messages are pictures."""


@dataclass(frozen=True)
class Event:
    """A message of the websocket: seconds since the prompt was sent, its type and data (bytes for pictures and words on a node)."""

    at: float
    type: str
    data: Any


@dataclass
class Finished:
    """What became of a prompt."""

    prompt_id: str
    events: list[Event] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> Event:
        return self.events[-1]

    def of(self, type: str) -> list[Event]:
        return [event for event in self.events if event.type == type]


class Comfy:
    """One client of a running server."""

    def __init__(self, url: str, base: Path) -> None:
        import websocket

        self.url, self.base = url, base
        self.client = uuid.uuid4().hex
        self.socket = websocket.create_connection(
            f"{url.replace('http', 'ws', 1)}/ws?clientId={self.client}", timeout=300
        )

    def close(self) -> None:
        self.socket.close()

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}") as answer:
            body = answer.read()
            return json.loads(body) if "json" in answer.headers.get("Content-Type", "") else body

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def run(self, prompt: dict, on_event: Callable[[Event], None] = lambda event: None) -> Finished:
        """Queue a prompt and wait for its end."""
        status, answer = self.post("/prompt", {"prompt": prompt, "client_id": self.client})
        if status != 200:
            raise ValueError(json.dumps(answer))
        done, start = Finished(answer["prompt_id"]), time.monotonic()
        while not done.events or done.end.type not in ENDS:
            message = self.socket.recv()
            if isinstance(message, bytes):
                event = Event(time.monotonic() - start, "words" if message[:4] == WORDS else "picture", message)
            else:
                data = json.loads(message)
                if data["data"].get("prompt_id", done.prompt_id) != done.prompt_id:
                    continue
                event = Event(time.monotonic() - start, data["type"], data["data"])
            done.events.append(event)
            on_event(event)
        while not (entry := self.get(f"/history/{done.prompt_id}").get(done.prompt_id)):
            time.sleep(0.05)
        done.outputs.update(entry["outputs"])
        return done


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Restartable:
    """A ComfyUI of its own that can be stopped, or killed, and started again at the same address."""

    def __init__(self, checkout: Path, base: Path) -> None:
        self.checkout, self.base, self.port = checkout, base, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        make_folders(base)

    def start(self) -> None:
        with (self.base / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command(self.base, self.port), cwd=self.checkout, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until_up(self.url, self.process, self.base / "server.log", 300)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(60)


def make_folders(base: Path) -> None:
    """A server's folders under `base`, with this pack as its only custom node."""
    for name in ("custom_nodes", "input", "output", "temp", "user", "models"):
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "custom_nodes" / "sonic-portrait").symlink_to(ROOT, target_is_directory=True)


def command(base: Path, port: int) -> list[str]:
    line = [os.environ.get("COMFYUI_PYTHON", sys.executable), "main.py", "--cpu", "--disable-auto-launch"]
    return [*line, "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)]


@contextmanager
def server(checkout: Path, base: Path, frontend: Path | None = None, *options: str) -> Iterator[str]:
    """Start ComfyUI with the pack as its only custom node and without input files; the URL.  COMFYUI_PYTHON: its interpreter."""
    make_folders(base)
    port = free_port()
    line = [*command(base, port), *options, *(["--front-end-root", str(frontend)] if frontend else [])]
    with (base / "server.log").open("w") as log:
        process = subprocess.Popen(line, cwd=checkout, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_up(url, process, base / "server.log")
            yield url
        finally:
            process.terminate()
            process.wait(30)


def wait_until_up(url: str, process: subprocess.Popen, log: Path, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/queue").close()
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"ComfyUI did not start:\n{log.read_text()[-3000:]}")
