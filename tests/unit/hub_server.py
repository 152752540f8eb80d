"""A server on 127.0.0.1 that answers as the Hugging Face hub does, as far as downloads go."""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34


class Hub:
    """files: content by "owner/name/path".  gated: repositories that ask for a login.  damaged: files sent with another content.
    send: called with (handler, content, start) in place of the usual answer to a GET of a file.

    requests: (method, path, range) of all that was asked.  over: set by whoever wants an answer that goes on for ever to end.
    """

    def __init__(self, files, gated=(), damaged=(), send=None):
        self.files, self.gated, self.damaged, self.requests, self.send = files, gated, damaged, [], send
        self.tokens_at_storage = 0
        self.url = self.storage = ""
        self.over = threading.Event()


@contextmanager
def serving(hub):
    """Serve while the block runs; gives the hub, which then knows its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body):
            hub.requests.append((self.command, self.path, self.headers.get("Range")))
            signed_in = "Authorization" in self.headers
            if self.path.startswith("/storage/"):
                hub.tokens_at_storage += signed_in
                self.send_content(self.path.removeprefix("/storage/"), with_body)
                return
            repository, _, rest = self.path.removeprefix("/").partition("/resolve/")
            key = f"{repository}/{rest.partition('/')[2]}"
            if repository in hub.gated and not signed_in:
                self.send_nothing(403, {"X-Error-Code": "GatedRepo"})
            elif key not in hub.files:
                self.send_nothing(404, {"X-Error-Code": "EntryNotFound"})
            else:
                content = hub.files[key]
                self.send_nothing(
                    302,
                    {
                        "Location": f"{hub.storage}/storage/{key}",
                        "X-Repo-Commit": COMMIT,
                        "X-Linked-Size": str(len(content)),
                        "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                    },
                )

        def send_content(self, key, with_body):
            content = hub.files[key]
            if key in hub.damaged:
                content = bytes(len(content))
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
            if hub.send and with_body:
                hub.send(self, content, start)
                return
            self.send_start(content, start)
            if with_body:
                self.wfile.write(content[start:])

        def send_start(self, content, start):
            """Status and headers of an answer that goes on with `content[start:]`."""
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()

        def send_nothing(self, status, headers):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.over = hub.over
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    # As the hub does, files lie on another host than the one that is asked: redirects within one are followed at once.
    hub.storage = f"http://localhost:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
