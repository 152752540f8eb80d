"""The quality report as a file: JSON for programs, one self-contained HTML page with small plots for people."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from html import escape

import numpy as np
from numpy.typing import NDArray

from .quality_report import ClipQuality

SUFFIXES = (".json", ".html")
WIDTH, HEIGHT = 640, 90  # px of a plot
MOST_POINTS = 1200
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:680px;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:left}"
    "td:nth-child(2){text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}small{color:#666}"
    "svg{width:100%;height:auto;background:#f6f6f6}polyline{fill:none;stroke:#06c;stroke-width:1.2}"
)
ROWS = (
    ("sync_offset_ms", "{:+.0f} ms", "Sound against the mouth; positive = sound late. Under 40 ms nobody notices."),
    ("sync_confidence", "{:.2f}", "Below 0.5 sound and mouth could not be matched."),
    ("closure_rate", "{:.0%}", "Short closures in the sound (p, b, m) at which the mouth closes."),
    ("flicker", "{:.2f} levels", "Brightness from frame to frame."),
    ("luma_steps", "{}", "Frames at which the brightness jumps by more than 1.5 levels."),
    ("sharpness", "{:.2f}", "CPBD, 0 = blurred, 1 = sharp."),
    ("geometry_drift", "{:.3f}", "Departure of the steady face from the first frame, per eye distance."),
    ("colour_drift", "{:.1f}", "Departure of the cheeks' colour from the first frame, Lab."),
    ("blinks_per_minute", "{:.0f}", "Counted on the mesh, which misses shallow blinks: a lower bound."),
    ("yaw_range", "{:.1f}°", "Head turning."),
    ("pitch_range", "{:.1f}°", "Head nodding."),
    ("roll_range", "{:.1f}°", "Head tilting."),
    ("head_travel", "{:.2f}", "Way of the face, eye distances."),
    ("found_share", "{:.0%}", "Frames in which the face was found."),
)


def as_dict(quality: ClipQuality) -> dict[str, object]:
    """Plain values for JSON, without the curves; None where nothing could be measured."""
    values = {item.name: getattr(quality, item.name) for item in fields(quality) if item.name != "curves"}
    return {name: _plain(value) for name, value in values.items()}


def report_bytes(quality: ClipQuality, suffix: str, title: str) -> bytes:
    """The file's content; suffix: one of SUFFIXES."""
    if suffix == ".html":
        return page(quality, title).encode()
    curves = {name: [_plain(round(float(value), 4)) for value in values] for name, values in quality.curves.items()}
    return json.dumps({**as_dict(quality), "curves": curves}, ensure_ascii=False, indent=1).encode()


def page(quality: ClipQuality, title: str) -> str:
    """HTML with everything inside: no script, no network."""
    rows = "".join(
        f"<tr><td>{name.replace('_', ' ')}</td><td>{_shown(getattr(quality, name), form)}</td><td><small>{meaning}</small></td></tr>"
        for name, form, meaning in ROWS
    )
    plots = "".join(
        f"<h3>{escape(name)}</h3>{plot(values, quality.seconds)}" for name, values in quality.curves.items()
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in quality.notes)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{quality.seconds:.2f} s, {quality.frames} frames</p>{notes}<table>{rows}</table>{plots}</html>"
    )


def plot(values: NDArray[np.floating], seconds: float) -> str:
    """A curve over the clip's time as SVG; gaps where nothing was measured."""
    step = max(1, math.ceil(len(values) / MOST_POINTS))
    shown = np.asarray(values, float)[::step]
    known = shown[np.isfinite(shown)]
    if not len(known):
        return "<p>not measured</p>"
    low, high = float(known.min()), float(known.max())
    x = np.linspace(0, WIDTH, max(2, len(shown)))
    y = HEIGHT - 5 - (shown - low) / max(high - low, 1e-9) * (HEIGHT - 10)
    lines, points = [], []
    for left, top in [*zip(x, y, strict=False), (0.0, math.nan)]:
        if math.isfinite(top):
            points.append(f"{left:.1f},{top:.1f}")
        elif points:
            lines.append(f'<polyline points="{" ".join(points)}"/>')
            points = []
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(lines)}</svg>'
        f"<small>{low:.3g} to {high:.3g}, 0 to {seconds:.1f} s</small>"
    )


def _shown(value: object, form: str) -> str:
    if isinstance(value, tuple):
        return f"{len(value)}" if value else "none"
    return "–" if isinstance(value, float) and not math.isfinite(value) else form.format(value)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
