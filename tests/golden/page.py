"""The page to look at before goldens are kept: old, new and difference of everything that changed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic_core.engines.lite.parameters import PARAMETERS

from . import curves
from .pictures import Difference, distances, kept_part

SCALE = 25.0  # grey levels per unit of Lab distance

Picture = NDArray[np.uint8]

_HEAD = """<!doctype html><meta charset="utf-8"><title>Goldens: old, new, difference</title>
<style>body{font:14px sans-serif;background:#eee;margin:1em}img{image-rendering:pixelated}td,th{padding:2px 10px;text-align:left}
figure{display:inline-block;margin:4px;background:#fff;padding:4px}.seen{outline:3px solid #c00}svg{background:#fff}</style>
"""


def page(sections: list[str]) -> str:
    return _HEAD + "\n".join(sections)


def pictures_section(name: str, old: Mapping[str, NDArray], new: Mapping[str, Picture], found: list[Difference]) -> str:
    """Old | new | difference of every picture, what is out of tolerance outlined.  old: may lack pictures."""
    parts = [f"<h2>{escape(name)} (old | new | difference)</h2>"]
    for label, frame in new.items():
        out_of = [str(d) for d in found if d.label == label and d.seen]
        now = kept_part(frame)
        if label in old:
            before = np.clip(old[label], 0, 255).astype(np.uint8)
            change = np.clip(SCALE * distances(old[label], frame), 0, 255).astype(np.uint8)
            now = np.hstack([before, now, np.dstack([change] * 3)])
        told = "<br>".join(escape(line) for line in out_of)
        parts.append(
            f'<figure class="{"seen" if out_of else ""}"><img src="{_inline(now)}">'
            f"<figcaption>{escape(label)}<br>{told}</figcaption></figure>"
        )
    return "".join(parts)


def curves_section(name: str, old: NDArray | None, new: NDArray) -> str:
    """Old (red) under new (black) of every parameter."""
    parts = [f"<h2>{escape(name)}</h2>"]
    for i, parameter in enumerate(PARAMETERS):
        lines = [("#d22", old[:, i])] if old is not None else []
        lines.append(("#000", new[:, i]))
        drawn = "".join(
            f'<polyline fill="none" stroke="{color}" points="{_points(values, curves.span(i))}"/>'
            for color, values in lines
        )
        parts.append(
            f'<figure><svg width="560" height="80">{drawn}</svg><figcaption>{parameter.name}</figcaption></figure>'
        )
    return "".join(parts)


def table_section(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Old and new of every figure; those that differ are bold."""
    rows = []
    for key in dict.fromkeys((*old, *new)):
        before, now = old.get(key, "-"), new.get(key, "-")
        mark = "td" if before == now else "th"
        rows.append(f"<tr><{mark}>{escape(key)}</{mark}><td>{escape(str(before))}</td><td>{escape(str(now))}</td></tr>")
    return f"<h2>{escape(name)}</h2><table><tr><th></th><th>old</th><th>new</th></tr>{''.join(rows)}</table>"


def _points(values: NDArray, span: float) -> str:
    x = np.linspace(5, 555, len(values))
    y = 40 - 35 * np.clip(values / span, -1, 1)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _inline(image: Picture) -> str:
    _, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()
