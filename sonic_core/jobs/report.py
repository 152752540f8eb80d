"""Report of a batch: report.csv for programs, report.html for people, the clips that deserve a look on top."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from ..errors import SettingsError
from ..media.pending_file import PendingFile, plain_output_errors
from .ledger import DONE, FAILED, Entry, Ledger

REJECTED, UNFINISHED = "rejected", "not made"
COLUMNS = (
    "row",
    "output",
    "state",
    "duration_s",
    "seconds_taken",
    "sync_offset_ms",
    "sync_confidence",
    "closure_rate",
    "width",
    "height",
    "bytes",
    "attempts",
    "rejected_for",
    "warnings",
    "error",
)
HEADINGS = (
    ("", ""),
    ("Clip", "视频"),
    ("Row", "行"),
    ("State", "状态"),
    ("Length, s", "时长（秒）"),
    ("Taken, s", "耗时（秒）"),
    ("Sync, ms", "音画偏移（毫秒）"),
    ("Confidence", "匹配度"),
    ("Lips closed on p, b, m", "双唇音闭合率"),
    ("Notes", "说明"),
)
STYLE = """
body{font:14px/1.4 system-ui,"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;margin:1.2em;color:#1f2937;background:#fff}
h1{font-size:1.3em;margin:0}.sum{padding:.5em .8em;border-radius:6px;background:#f3f4f6}
table{border-collapse:collapse;width:100%}th,td{padding:.3em .5em;border-top:1px solid #e5e7eb;text-align:left;vertical-align:top}
th{cursor:pointer;user-select:none;white-space:nowrap}th small{display:block;color:#6b7280;font-weight:400}
td.n{text-align:right;font-variant-numeric:tabular-nums}td.w{overflow-wrap:anywhere;min-width:9em;max-width:22em}
td img,td video{width:120px;border-radius:4px;display:block}td img{cursor:pointer}td button{border:0;padding:0;background:none}
.failed,.rejected{color:#b91c1c;font-weight:600}.unmade{color:#92400e}.done{color:#15803d}
"""
SCRIPT = """
document.querySelectorAll('th').forEach((th,i)=>th.onclick=()=>{const b=document.querySelector('tbody'),u=th.dataset.up!=='1';
document.querySelectorAll('th').forEach(o=>delete o.dataset.up);th.dataset.up=u?'1':'0';
const v=r=>r.cells[i].dataset.v??r.cells[i].textContent,n=x=>x===''?NaN:Number(x);
[...b.rows].sort((p,q)=>{const x=v(p),y=v(q),a=n(x),c=n(y);if(x===''||y==='')return (x==='')-(y==='');
const d=isNaN(a)||isNaN(c)?x.localeCompare(y):a-c;return u?d:-d}).forEach(r=>b.append(r))});
document.addEventListener('click',e=>{const k=e.target.closest('button[data-src]');if(!k)return;const v=document.createElement('video');
v.src=k.dataset.src;v.controls=true;v.autoplay=true;k.replaceWith(v)});
"""


@dataclass(frozen=True)
class Limits:
    """From where on a finished clip is rejected; None = no limit.

    offset_ms: largest distance of sound and mouth, either way.  confidence: least, 0-1; a clip whose sync could not be measured has none.
    """

    offset_ms: float | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Raises SettingsError for limits that are no numbers, and for those that no clip or every clip would break."""
        if not _is_limit(self.offset_ms, math.inf):
            raise SettingsError(
                f"reject_offset is {self.offset_ms!r}; expected a number, 0 or more, or None for no limit."
            )
        if not _is_limit(self.confidence, 1):
            raise SettingsError(
                f"reject_confidence is {self.confidence!r}; expected a number from 0 to 1, or None for no limit."
            )

    def broken(self, clip: Entry) -> str:
        """Which limit a finished clip breaks, in words; "" = none."""
        quality = clip.figures.get("quality") or {}
        offset, confidence = quality.get("sync_offset_ms"), quality.get("sync_confidence")
        said = []
        if self.offset_ms is not None and offset is not None and abs(offset) > self.offset_ms:
            said.append(f"offset {offset:+.0f} ms, limit {self.offset_ms:g}")
        if self.confidence is not None and (confidence is None or confidence < self.confidence):
            shown = "not measured" if confidence is None else f"{confidence:.2f}"
            said.append(f"confidence {shown}, limit {self.confidence:g}")
        return "; ".join(said)


@dataclass(frozen=True)
class Written:
    """The two files, and how many finished clips break a limit."""

    table: Path
    page: Path
    rejected: int


def write_reports(ledger: Ledger, run: str, limits: Limits) -> Written:
    """Write report.csv and report.html into the ledger's folder, in the place of earlier ones.  Raises OutputError."""
    table, page = ledger.folder / "report.csv", ledger.folder / "report.html"
    rejected = 0
    order: list[tuple[float, int, str]] = []
    for clip in ledger.entries(run):
        broken = _broken(clip, limits)
        rejected += bool(broken)
        order.append((-_concern(clip, broken), clip.row, clip.output))
    order.sort()
    with _replaced(table, "utf-8-sig") as file:  # the mark tells Excel that it is UTF-8
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for clip in ledger.entries(run):
            writer.writerow([_safe(value) for value in _values(clip, _broken(clip, limits))])
    with _replaced(page, "utf-8") as file:
        file.writelines(_page(ledger, run, limits, rejected, [output for _, _, output in order]))
    return Written(table, page, rejected)


class _replaced:  # noqa: N801 - reads as a word: with _replaced(path)
    """A text file that takes the place of another when it is complete."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.pending, self.encoding, self.path = PendingFile(path, overwrite=True), encoding, path

    def __enter__(self) -> TextIO:
        self.file = self.pending.temporary.open("w", encoding=self.encoding, newline="")
        return self.file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            with plain_output_errors(self.path):
                self.file.close()
            if kind is None:
                self.pending.publish()
        finally:
            self.pending.discard()


def _broken(clip: Entry, limits: Limits) -> str:
    return limits.broken(clip) if clip.state == DONE else ""


def _state(clip: Entry, broken: str) -> str:
    if clip.state == DONE:
        return REJECTED if broken else DONE
    return clip.state if clip.state == FAILED else UNFINISHED


def _concern(clip: Entry, broken: str) -> float:
    """How much a clip deserves a look: failed, then rejected, then what was judged poor or fair, warnings, and the size of the offset."""
    quality = clip.figures.get("quality") or {}
    verdicts = list((quality.get("verdicts") or {}).values())
    offset = abs(quality.get("sync_offset_ms") or 0.0)
    warned = bool(clip.figures.get("warnings"))
    state = {FAILED: 1000.0, REJECTED: 500.0, UNFINISHED: 300.0}.get(_state(clip, broken), 0.0)
    return state + 20 * verdicts.count("poor") + 3 * verdicts.count("fair") + 5 * warned + min(offset, 500) / 50


def _values(clip: Entry, broken: str) -> list[Any]:
    figures, quality = clip.figures if clip.state == DONE else {}, clip.figures.get("quality") or {}
    return [
        clip.row,
        clip.output,
        _state(clip, broken),
        figures.get("duration"),
        clip.seconds if figures else None,
        quality.get("sync_offset_ms"),
        quality.get("sync_confidence"),
        quality.get("closure_rate"),
        figures.get("width"),
        figures.get("height"),
        figures.get("bytes"),
        clip.attempts,
        broken,
        " | ".join([*figures.get("warnings", []), *figures.get("notes", []), *quality.get("notes", [])]),
        clip.error if clip.state != DONE else "",
    ]


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, float):
        return "" if math.isnan(value) else round(value, 4)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _page(ledger: Ledger, run: str, limits: Limits, rejected: int, order: list[str]) -> Iterator[str]:
    counts = ledger.counts(run)
    rest = len(order) - counts[DONE] - counts[FAILED]
    name = escape(ledger.folder.resolve().name)
    yield (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{STYLE}</style><h1>{name}</h1>"
        f'<p class="sum">{len(order)} clips: {counts[DONE]} done ({rejected} rejected), {counts[FAILED]} failed, {rest} not made · '
        f"{len(order)} 个视频：完成 {counts[DONE]}（不合格 {rejected}），失败 {counts[FAILED]}，未做 {rest}</p><table><thead><tr>"
    )
    for english, chinese in HEADINGS:
        yield f"<th>{english}<small>{chinese}</small></th>"
    yield "</tr></thead><tbody>\n"
    for output in order:
        yield _row(ledger.entry(output), limits)
    yield f"</tbody></table><script>{SCRIPT}</script></html>\n"


def _row(clip: Entry, limits: Limits) -> str:
    broken = _broken(clip, limits)
    row, output, state, duration, taken, offset, confidence, closures, _, _, _, _, _, warned, error = _values(
        clip, broken
    )
    picture = ""
    if clip.state == DONE and clip.figures.get("thumbnail"):
        image = f'<img alt="" src="data:image/jpeg;base64,{clip.figures["thumbnail"]}">'
        playable = Path(output).suffix.lower() in (".mp4", ".webm")
        picture = f'<button data-src="{escape(quote(output))}" title="play">{image}</button>' if playable else image
    style = {FAILED: "failed", REJECTED: "rejected", UNFINISHED: "unmade"}.get(state, "done")
    said = " | ".join(filter(None, (error, broken, warned)))
    return (
        f'<tr><td data-v="">{picture}</td><td class="w">{escape(output)}</td><td class="n">{row}</td><td class="{style}">{state}</td>'
        f"{_number(duration, '.2f')}{_number(taken, '.1f')}{_number(offset, '+.0f')}{_number(confidence, '.2f')}"
        f'{_number(closures, ".0%")}<td class="w">{escape(said)}</td></tr>\n'
    )


def _is_limit(value: Any, most: float) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= most)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return '<td class="n" data-v="">–</td>'
    return f'<td class="n" data-v="{value}">{format(value, form)}</td>'
