"""A ComfyUI on loopback without nodes: its interfaces as the real server behaves, a queue in memory, a set time per prompt.

`stop` forgets queue and history as a server that is restarted does; files stay.
"""

from __future__ import annotations

import base64
import email
import hashlib
import json
import shutil
import struct
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

WEBSOCKET_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GOODBYE = b"\x88\x00"
"""A close frame without a reason."""
DEFINITIONS = {
    "LoadImage": {
        "display_name": "Load Image",
        "input": {"required": {"image": [["there.png"], {"image_upload": True}]}},
    },
    "SonicLoadAudio": {
        "display_name": "Load Audio (Sonic)",
        "input": {
            "required": {
                "audio": ["COMBO", {"options": [], "audio_upload": True}],
                "start": ["FLOAT", {"default": 0.0}],
            }
        },
    },
    "SonicInference": {
        "display_name": "Sonic Inference",
        "input": {
            "required": {
                "image": ["IMAGE"],
                "audio": ["AUDIO"],
                "seed": ["INT", {"control_after_generate": True}],
                "style": ["COMBO", {"options": ["auto", "photo"]}],
                "loopable": ["BOOLEAN", {}],
            }
        },
    },
    "Other": {"display_name": "Other", "input": {"required": {"seed": ["INT", {}], "scale": ["FLOAT", {}]}}},
    "SaveVideo": {
        "display_name": "Save Video",
        "input": {"required": {"video": ["VIDEO"], "filename_prefix": ["STRING", {}]}},
    },
}


class FakeComfyUI:
    """video: what every prompt makes.  seconds: that it takes.  A seed of 666 fails, one of 13 is refused."""

    def __init__(self, folder: Path, video: Path, seconds: float = 0.05) -> None:
        self.folder, self.video, self.seconds = folder, video, seconds
        self.port = 0
        self.executed: list[str] = []
        self.uploads: list[str] = []
        self.removed: list[str] = []
        for name in ("input", "output"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.lock = threading.Condition()
        self.pending: list[tuple] = []
        self.running: list[tuple] = []
        self.history: dict[str, dict] = {}
        self.sockets: dict[str, object] = {}
        self.interrupted = threading.Event()
        self.alive = True
        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.http.daemon_threads = True
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.worker = threading.Thread(target=self._work, daemon=True)
        self.worker.start()

    def stop(self) -> None:
        with self.lock:
            self.alive = False
            self.lock.notify_all()
        self.http.shutdown()
        self.http.server_close()
        for socket in list(self.sockets.values()):
            socket.shutdown(2)
        self.worker.join()

    def tell(self, kind: str, data: dict, client: str | None = None) -> None:
        text = json.dumps({"type": kind, "data": data}).encode()
        head = bytes([0x81, len(text)]) if len(text) < 126 else bytes([0x81, 126]) + struct.pack(">H", len(text))
        for name, socket in list(self.sockets.items()):
            if client in (None, name):
                try:
                    socket.sendall(head + text)
                except OSError:
                    self.sockets.pop(name, None)

    def status(self) -> dict:
        return {"status": {"exec_info": {"queue_remaining": len(self.pending) + len(self.running)}}}

    def _work(self) -> None:
        while True:
            with self.lock:
                while self.alive and not self.pending:
                    self.lock.wait()
                if not self.alive:
                    return
                item = self.pending.pop(0)
                self.running.append(item)
            self.interrupted.clear()
            number, identity, prompt, extra, _ = item
            self.tell("execution_start", {"prompt_id": identity}, extra.get("client_id"))
            end = time.monotonic() + self.seconds
            while time.monotonic() < end and self.alive and not self.interrupted.is_set():
                time.sleep(0.01)
            if not self.alive:
                return
            self._end(item, prompt, identity, number, extra)

    def _end(self, item: tuple, prompt: dict, identity: str, number: int, extra: dict) -> None:
        seeds = [node["inputs"].get("seed") for node in prompt.values()]
        outputs, kind, data = {}, "execution_success", {"prompt_id": identity}
        if self.interrupted.is_set():
            kind = "execution_interrupted"
        elif 666 in seeds:
            kind = "execution_error"
            data |= {"node_type": "SonicInference", "exception_message": "no face was found"}
        else:
            name = f"video_{uuid.uuid4().hex[:8]}.mp4"
            shutil.copy(self.video, self.folder / "output" / name)
            files = [{"filename": name, "subfolder": "", "type": "output"}]
            preview = {"images": [{"filename": "face.png", "subfolder": "", "type": "temp"}]}
            outputs = {"9": preview, "5": {"images": files, "video": files, "animated": [True]}}
            self.executed.append(identity)
        success = kind == "execution_success"
        status = {"status_str": "success" if success else "error", "completed": success, "messages": [[kind, data]]}
        with self.lock:
            self.running.remove(item)
            self.history[identity] = {"prompt": list(item), "outputs": outputs, "status": status}
        self.tell(kind, data, extra.get("client_id"))
        self.tell("status", self.status())


def _handler(fake: FakeComfyUI) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def answer(self, body: object, code: int = 200) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(place.query).items()}
            if place.path == "/ws":
                self.websocket(query["clientId"])
            elif place.path == "/object_info":
                self.answer(DEFINITIONS)
            elif place.path == "/queue":
                with fake.lock:
                    self.answer({"queue_running": fake.running, "queue_pending": fake.pending})
            elif place.path.startswith("/history/"):
                identity = place.path.rpartition("/")[2]
                with fake.lock:
                    self.answer({identity: fake.history[identity]} if identity in fake.history else {})
            elif place.path == "/view" and (file := fake.folder / query["type"] / query["filename"]).is_file():
                self.answer(file.read_bytes())
            else:
                self.answer(b"", 404)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/upload/image":
                self.upload(content)
                return
            body = json.loads(content)
            if self.path == "/prompt":
                self.queue(body)
            elif self.path == "/queue":
                with fake.lock:
                    gone = [item for item in fake.pending if item[1] in body["delete"]]
                    fake.pending = [item for item in fake.pending if item not in gone]
                    fake.removed += [item[1] for item in gone]
                self.answer(b"")
            elif self.path == "/interrupt":
                with fake.lock:
                    if body["prompt_id"] in [item[1] for item in fake.running]:
                        fake.interrupted.set()
                self.answer(b"")

        def queue(self, body: dict) -> None:
            prompt = body["prompt"]
            for identity, node in prompt.items():
                for name in ("image", "audio"):
                    value = node["inputs"].get(name)
                    if isinstance(value, str) and not (fake.folder / "input" / value).exists():
                        error = {"message": "Custom validation failed for node", "details": f"no file {value}"}
                        wrong = {identity: {"errors": [error], "class_type": node["class_type"]}}
                        general = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed"}
                        self.answer({"error": general, "node_errors": wrong}, 400)
                        return
            if 13 in [node["inputs"].get("seed") for node in prompt.values()]:
                error = {"message": "Value not in list", "details": "seed: 13"}
                wrong = {"4": {"errors": [error], "class_type": "SonicInference"}}
                self.answer({"error": {"message": "Prompt outputs failed validation"}, "node_errors": wrong}, 400)
                return
            identity = body.get("prompt_id") or str(uuid.uuid4())
            with fake.lock:
                fake.pending.append((0, identity, prompt, {"client_id": body.get("client_id")}, ["5"]))
                fake.lock.notify_all()
            fake.tell("status", fake.status())
            self.answer({"prompt_id": identity, "number": 0, "node_errors": {}})

        def upload(self, content: bytes) -> None:
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            for part in email.message_from_bytes(head + content).get_payload():
                if name := part.get_filename():
                    (fake.folder / "input" / name).write_bytes(part.get_payload(decode=True))
                    fake.uploads.append(name)
                    self.answer({"name": name, "subfolder": "", "type": "input"})

        def websocket(self, client: str) -> None:
            key = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + WEBSOCKET_KEY).encode()).digest()
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
            self.end_headers()
            self.wfile.flush()
            fake.sockets[client] = self.connection
            fake.tell("status", {**fake.status(), "sid": client}, client)
            try:
                while frame := self.connection.recv(4096):
                    if frame[0] == GOODBYE[0]:  # the client waits for it in return
                        self.connection.sendall(GOODBYE)
                        break
            except OSError:
                pass
            fake.sockets.pop(client, None)
            self.close_connection = True

    return Handler
