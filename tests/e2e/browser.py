"""The ComfyUI editor in a headless Chromium."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY = """() => window.app?.graph && window.app.extensionManager && document.querySelector('canvas#graph-canvas')
    && !document.querySelector('.p-blockui[aria-busy=true]')"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
SECONDS = 1000
TYPES = {".png": "image/png", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".mp4": "video/mp4"}


@dataclass
class Editor:
    """One page; `complaints` gathers console errors and exceptions whose origin is our JavaScript."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)

    def run(self, script: str, value: Any = None) -> Any:
        return self.page.evaluate(script, value)

    def wait(self, script: str, value: Any = None, seconds: float = 120) -> None:
        self.page.wait_for_function(script, arg=value, timeout=seconds * SECONDS)

    def open(self) -> None:
        self.page.goto(self.url, wait_until="domcontentloaded")
        self.wait(READY, seconds=180)
        self.page.wait_for_timeout(500)

    def choose(self, kind: str, widget: str, value: Any) -> None:
        """Set a widget of the first node of a kind, as picking from the list does."""
        self.run(
            """([kind, name, value]) => {
                const node = app.graph._nodes.find((node) => node.type === kind);
                const widget = node.widgets.find((widget) => widget.name === name);
                widget.value = value;
                widget.callback?.(value);
            }""",
            [kind, widget, value],
        )

    def widget(self, kind: str, name: str) -> Any:
        return self.run(
            """([kind, name]) => app.graph._nodes.find((node) => node.type === kind)
                .widgets.find((widget) => widget.name === name)?.value""",
            [kind, name],
        )

    def drop(self, kind: str, files: list[Path]) -> None:
        """Drop files from outside on the first node of a kind."""
        content = [[path.name, TYPES[path.suffix], base64.b64encode(path.read_bytes()).decode()] for path in files]
        self.run(
            """async ([kind, files]) => {
                const node = app.graph._nodes.find((node) => node.type === kind), { scale, offset } = app.canvas.ds;
                const rect = app.canvas.canvas.getBoundingClientRect();
                const at = (i, inside) => (node.pos[i] + inside + offset[i]) * scale;
                const [clientX, clientY] = [rect.left + at(0, node.size[0] / 2), rect.top + at(1, node.size[1] / 2)];
                const dataTransfer = new DataTransfer();
                for (const [name, type, content] of files)
                    dataTransfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
                for (const step of ['dragenter', 'dragover', 'drop']) {
                    const options = { bubbles: true, cancelable: true, clientX, clientY, dataTransfer };
                    document.elementFromPoint(clientX, clientY).dispatchEvent(new DragEvent(step, options));
                    await new Promise(requestAnimationFrame);
                }
            }""",
            [kind, content],
        )

    def menu(self, kind: str) -> list[str]:
        """Entries that extensions add to the menu of the first node of a kind."""
        return self.run(
            """(kind) => {
                const node = app.graph._nodes.find((node) => node.type === kind);
                const old = () => { const items = []; node.getExtraMenuOptions?.(app.canvas, items); return items; };
                return (app.collectNodeMenuItems?.(node) ?? old()).map((item) => item?.content);
            }""",
            kind,
        )

    def click_menu(self, kind: str, words: str) -> None:
        self.run(
            """([kind, words]) => {
                const node = app.graph._nodes.find((node) => node.type === kind);
                const old = () => { const items = []; node.getExtraMenuOptions?.(app.canvas, items); return items; };
                (app.collectNodeMenuItems?.(node) ?? old()).find((item) => item?.content === words).callback();
            }""",
            [kind, words],
        )

    def videos(self) -> list[dict]:
        return self.run(
            """() => [...document.querySelectorAll('video')].map((video) => ({
                ready: video.readyState, seconds: video.duration, at: video.currentTime,
                width: video.videoWidth, heard: video.webkitAudioDecodedByteCount }))"""
        )


@contextmanager
def editor(url: str, language: str = "en-US", size: tuple[int, int] = (1600, 1100)) -> Iterator[Editor]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            accept_downloads=True,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(120 * SECONDS)
        page = context.new_page()
        made = Editor(page, url)

        def ours(text: str) -> bool:
            return "/extensions/sonic-portrait/js/" in text or "sonic-portrait:" in text

        page.on(
            "console",
            lambda line: (
                line.type in ("error", "warning")
                and ours(f"{line.text} {line.location.get('url', '')}")
                and made.complaints.append(line.text)
            ),
        )
        page.on("pageerror", lambda error: ours(error.stack or "") and made.complaints.append(str(error)))
        try:
            yield made
        finally:
            context.close()
            chromium.close()
