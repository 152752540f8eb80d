"""The quality report as a file: JSON for programs, one self-contained HTML page with small plots for people."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from .quality_report import STEP_SEEN, ClipQuality
from .report_figures import FAIR, FIGURES, GOOD, POOR, Figure, as_dict, plain

SUFFIXES = (".json", ".html")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 680, 104, 44, 16, 6  # px of a plot and of its margins
MOST_POINTS = 1200
TICKS = 8  # at most, along the time
COLOURS = ("#2563eb", "#d97706", "#059669")
STYLE = """
body{font:15px/1.45 system-ui,"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;max-width:760px;margin:1.5em auto;
padding:0 1em;color:#1f2937;background:#fff}
h1{font-size:1.35em;margin:0;overflow-wrap:anywhere}h2{font-size:1em;margin:1.2em 0 .2em}p{margin:.4em 0}
table{border-collapse:collapse;width:100%;margin:.8em 0}td{padding:.28em .5em;border-top:1px solid #e5e7eb;vertical-align:top}
td:nth-child(3){text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;font-weight:600}td:nth-child(4){color:#6b7280}
td:nth-child(2){white-space:nowrap}.dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;background:#e5e7eb}
.good{background:#16a34a}.fair{background:#f59e0b}.poor{background:#dc2626}
.sum{padding:.5em .8em;border-radius:6px;background:#f3f4f6}.note{color:#92400e}
svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:#6b7280}polyline{fill:none;stroke-width:1.3}
.key{font-weight:400;color:#6b7280;font-size:.85em;margin-left:.8em}input{margin:0 .3em 0 .8em}.tongue{float:right;font-size:.9em}
@media(max-width:560px){tr{display:grid;grid-template-columns:1.6em 1fr auto}td:nth-child(2){white-space:normal}
td:nth-child(4){grid-column:2/4;border-top:0;padding-top:0}}
body:has(#zh:checked) [lang=en],body:has(#en:checked) [lang=zh]{display:none}
"""


@dataclass(frozen=True)
class Plot:
    """One small plot.  curves: names in ClipQuality.curves.  low, high: the least that the axis spans.  limit: a dashed line.

    marks: red lines, a field of ClipQuality; marks_in_seconds: they are times, otherwise frames.
    """

    title: tuple[str, str]
    curves: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    low: float
    high: float
    limit: float | None = None
    marks: str = ""
    marks_in_seconds: bool = False


PLOTS = (
    Plot(
        ("Mouth opening", "嘴部开合"),
        ("mouth_opening",),
        (("eye distances; red: the lips should meet here and do not", "以眼距为单位；红线：此处双唇应合而未合"),),
        0,
        0.1,
        marks="closures_missed",
        marks_in_seconds=True,
    ),
    Plot(
        ("Opening of the eyes", "眼睛睁开程度"),
        ("lid_opening",),
        (("of the usual; red: blinks", "相对平常；红线：眨眼"),),
        0,
        1.2,
        marks="blinks",
    ),
    Plot(
        ("Head, degrees", "头部角度"),
        ("yaw", "pitch", "roll"),
        (("turn", "转"), ("nod", "点"), ("tilt", "歪")),
        -5,
        5,
    ),
    Plot(
        ("Brightness from frame to frame, levels", "逐帧亮度变化（级）"),
        ("brightness_step",),
        (("red: jumps", "红线：突变"),),
        -STEP_SEEN,
        STEP_SEEN,
        marks="luma_steps",
    ),
    Plot(
        ("Shape of the face against the beginning", "脸型相对开头的偏离"),
        ("geometry_departure",),
        (("eye distances; dashed: limit of good", "以眼距为单位；虚线：良好上限"),),
        0,
        0.03,
        limit=0.015,
    ),
    Plot(
        ("Colour of the cheeks against the first frame", "脸颊颜色相对首帧的偏离"),
        ("colour_departure",),
        (("Lab; dashed: limit of good", "Lab；虚线：良好上限"),),
        0,
        8,
        limit=4,
    ),
)


def report_bytes(quality: ClipQuality, suffix: str, title: str) -> bytes:
    """The file's content; suffix: one of SUFFIXES."""
    if suffix == ".html":
        return page(quality, title).encode()
    curves = {name: [plain(round(float(value), 4)) for value in values] for name, values in quality.curves.items()}
    return json.dumps({**as_dict(quality), "curves": curves}, ensure_ascii=False, indent=1).encode()


def page(quality: ClipQuality, title: str) -> str:
    """HTML with everything inside, in English and Chinese: no script, no network."""
    rows = "".join(_row(figure, quality) for figure in FIGURES)
    plots = "".join(_plot_block(plot, quality) for plot in PLOTS)
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in quality.notes)
    length = f"{quality.seconds:.2f} s, {quality.frames}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        '<form class="tongue"><input type="radio" name="l" id="en" checked><label for="en">English</label>'
        '<input type="radio" name="l" id="zh"><label for="zh">中文</label></form>'
        f"<h1>{escape(title)}</h1><p>{length} {_both(('frames', '帧'))}</p>"
        f'<p class="sum">{_summary(quality)}</p>{notes}<table>{rows}</table>{plots}</html>'
    )


def _summary(quality: ClipQuality) -> str:
    """One sentence: how many points are good, and which are not."""
    by_verdict: dict[str, list[Figure]] = {GOOD: [], FAIR: [], POOR: []}
    for figure in FIGURES:
        if verdict := figure.verdict(quality):
            by_verdict[verdict].append(figure)
    judged = sum(map(len, by_verdict.values()))
    said = []
    for language, (all_good, head, look, poor) in enumerate(
        (
            ("Good in all {} points that are judged.", "Good in {} of {} points.", "Look at: ", "Poor: "),
            ("{} 项评定全部良好。", "{} / {} 项良好。", "请留意：", "较差："),
        )
    ):
        text = head.format(len(by_verdict[GOOD]), judged) if judged > len(by_verdict[GOOD]) else all_good.format(judged)
        for words, verdict in ((poor, POOR), (look, FAIR)):
            if by_verdict[verdict]:
                names = (", ", "、")[language].join(figure.label[language] for figure in by_verdict[verdict])
                text += f" {words}{names}{'.。'[language]}"
        said.append(text)
    english, chinese = said
    return _both((english, chinese))


def _row(figure: Figure, quality: ClipQuality) -> str:
    verdict = figure.verdict(quality)
    return (
        f'<tr><td><span class="dot {verdict}" title="{verdict or "not judged"}"></span></td><td>{_both(figure.label)}</td>'
        f"<td>{figure.shown(quality)}</td><td>{_both(figure.meaning)}</td></tr>"
    )


def _plot_block(plot: Plot, quality: ClipQuality) -> str:
    curves = [quality.curves[name] for name in plot.curves if name in quality.curves]
    keys = "".join(
        f'<span class="key">{_swatch(colour) if len(plot.keys) > 1 else ""}{_both(key)}</span>'
        for colour, key in zip(COLOURS, plot.keys, strict=False)
    )
    marks = getattr(quality, plot.marks) if plot.marks else ()
    per_second = 1.0 if plot.marks_in_seconds else quality.frames / quality.seconds
    drawn = draw(curves, quality.seconds, plot.low, plot.high, plot.limit, [mark / per_second for mark in marks])
    return f"<h2>{_both(plot.title)}{keys}</h2>{drawn}"


def draw(
    curves: list[NDArray[np.floating]],
    seconds: float,
    low: float,
    high: float,
    limit: float | None = None,
    marks: list[float] | tuple[()] = (),
) -> str:
    """Curves over the clip's time as SVG; gaps where nothing was measured.  marks: red lines, s."""
    known = np.concatenate([values[np.isfinite(values)] for values in curves])
    if not len(known):
        return f"<p>{_both(('not measured', '未测量'))}</p>"
    low, high = min(low, float(known.min())), max(high, float(known.max()))

    def x(time: float) -> float:
        return LEFT + time / seconds * (WIDTH - LEFT - 4)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - 4}" height="{HEIGHT - BOTTOM - TOP}" fill="#f8fafc"/>',
        *(f'<text x="{LEFT - 5}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>' for value in (low, high)),
    ]
    for time in _ticks(seconds):
        side = "end" if time > 0.97 * seconds else "middle"
        parts.append(f'<path d="M{x(time):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x(time):.1f}" y="{HEIGHT - 3}" text-anchor="{side}">{time:g} s</text>')
    if limit is not None:
        parts.append(f'<path d="M{LEFT} {y(limit):.1f}H{WIDTH - 4}" stroke="#9ca3af" stroke-dasharray="4 3"/>')
    parts += [
        f'<path d="M{x(mark):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dc2626" stroke-opacity=".45"/>' for mark in marks
    ]
    for values, colour in zip(curves, COLOURS, strict=False):
        step = max(1, math.ceil(len(values) / MOST_POINTS))
        times = np.arange(0, len(values), step) * (seconds / len(values))
        for run in _runs(times, np.asarray(values, float)[::step]):
            points = " ".join(f"{x(time):.1f},{y(value):.1f}" for time, value in run)
            parts.append(f'<polyline points="{points}" stroke="{colour}"/>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _runs(times: NDArray[np.floating], values: NDArray[np.floating]) -> list[list[tuple[float, float]]]:
    """The stretches of a curve in which every value is known."""
    runs: list[list[tuple[float, float]]] = [[]]
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        if math.isfinite(value):
            runs[-1].append((time, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _ticks(seconds: float) -> list[float]:
    """Round times, at most TICKS of them."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((step for step in steps if seconds / step <= TICKS), 7200)
    return [round(i * step, 1) for i in range(int(seconds / step) + 1)]


def _both(words: tuple[str, str]) -> str:
    """The words in both languages; the style shows one of them."""
    if words[0] == words[1]:
        return escape(words[0])
    return f'<span lang="en">{escape(words[0])}</span><span lang="zh">{escape(words[1])}</span>'


def _swatch(colour: str) -> str:
    return f'<span style="color:{colour}">■</span> '
