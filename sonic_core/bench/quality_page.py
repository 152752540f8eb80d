"""The comparison as a page: the clips side by side, playing together, and the table of figures."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..errors import OutputError
from .quality import Comparison, clip_cells

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1200px;margin:1.5em auto;padding:0 1em;color:#1f2937;background:#fff}
h1{font-size:1.35em}.clips{display:flex;flex-wrap:wrap;gap:12px}figure{margin:0;width:220px}video{width:100%;background:#000}
figcaption{font-weight:600}
table{border-collapse:collapse;margin:1em 0}
td,th{padding:.3em .8em;border-top:1px solid #e5e7eb;text-align:right}
td:first-child,th:first-child{text-align:left}button{font:inherit;padding:.3em 1em;margin:.6em 0}
"""
PLAY = """
const all = [...document.querySelectorAll("video")];
document.querySelector("button").onclick = () => { for (const v of all) { v.currentTime = 0; v.play(); } };
for (const v of all) v.onclick = () => { for (const w of all) w.muted = w !== v; };
"""


def write_page(made: Comparison, path: Path) -> Path:
    """One HTML file beside the clips that it shows.  Raises OutputError."""
    clips = "".join(
        f'<figure><video src="{escape(clip.file)}" controls muted loop playsinline></video>'
        f"<figcaption>{escape(clip.name)}</figcaption></figure>"
        for clip in made.clips
    )
    rows = "".join(
        f"<tr><td>{escape(clip.name)}</td>{''.join(f'<td>{cell.strip()}</td>' for cell in clip_cells(clip))}</tr>"
        for clip in made.clips
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Presets of {escape(made.engine)}</title><style>{STYLE}</style></head><body>
<h1>Presets of {escape(made.engine)} beside its reference</h1>
<p>SSIM and PSNR are means over the frames; mouth is the correlation of the mouth's opening with the reference's. The reference differs from
every preset, exact too, by its windows, its pieces of audio and the seams of its decoder.</p>
<button>Play all together</button> (a click on a clip gives it the sound)
<div class="clips">{clips}</div>
<table><tr><th></th><th>SSIM</th><th>PSNR, dB</th><th>mouth</th><th>made in, s</th></tr>{rows}</table>
<script>{PLAY}</script></body></html>
"""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); name another folder.") from error
    return path
