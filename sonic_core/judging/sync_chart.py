"""The sync chart: sound, predicted and seen mouth, and how well they match at every shift, as one picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import DEFAULT_TOLERANCE_MS
from .chart_words import Pen
from .synchrony import MIN_CONFIDENCE, SyncReport

_BACKGROUND, _PANEL, _GRID = (250, 250, 250), (255, 255, 255), (224, 224, 224)
_INK, _FAINT = (40, 40, 40), (120, 120, 120)
_WAVE, _PREDICTED, _SEEN = (168, 190, 214), (31, 119, 180), (214, 90, 20)
_BAND = (226, 243, 230)
_NEAREST_MS, _FARTHEST_MS = 100.0, 500.0
"""The offset panel reaches at least and at most this far up and down."""
_GOOD, _BAD = (30, 130, 60), (190, 40, 40)
_SHOWN_S = 8.0
"""Only the middle of a longer clip is drawn: syllables must stay visible."""


def sync_chart(
    before: SyncReport, after: SyncReport | None = None, width: int = 960, language: str = "en"
) -> NDArray[np.uint8]:
    """Draw the measurement, and below it the one after correction, if there is one: RGB uint8 `[H, width, 3]`, width >= 480.

    Top: waveform, and over it the mouth opening that the sound suggests (blue) and the one in the frames (orange), each in its own range.
    Bottom left: the match at every shift with the peak marked.  Bottom right: the offset along the clip, stretch by stretch (dots, hollow
    where a stretch alone is not sure), with the line that was found and the tolerance as a green band.
    language: of its words, one of `words.catalogue.LANGUAGES`.
    """
    pen = Pen(language)
    width = max(480, int(width))
    charts = [_chart(before, width, "Measured" if after is None else "Before", pen)]
    if after is not None:
        charts.append(_chart(after, width, "After", pen))
    return np.vstack(charts)


def _chart(report: SyncReport, width: int, title: str, pen: Pen) -> NDArray[np.uint8]:
    unit = width / 960
    margin, head, top, bottom = round(16 * unit), round(52 * unit), round(190 * unit), round(150 * unit)
    height = head + top + bottom + 3 * margin + round(16 * unit)
    image = np.full((height, width, 3), _BACKGROUND, np.uint8)
    _title(image, report, title, margin, unit, pen)
    _curves(image, report, (margin, head, width - 2 * margin, top), unit, pen)
    second, left = head + top + margin + round(16 * unit), round(0.54 * (width - 3 * margin))
    _match(image, report, (margin, second, left, bottom), unit, pen)
    _offsets(image, report, (2 * margin + left, second, width - 3 * margin - left, bottom), unit, pen)
    return image


def _title(image: NDArray[np.uint8], report: SyncReport, title: str, margin: int, unit: float, pen: Pen) -> None:
    if report.confidence < MIN_CONFIDENCE:
        words, colour = "no reliable match, nothing to correct", _BAD
    elif max(abs(report.offset_at(0)), abs(report.offset_at(report.seconds))) <= DEFAULT_TOLERANCE_MS:
        words, colour = f"in sync ({_signed(report.offset_ms)} ms)", _GOOD
    else:
        words, colour = f"sound {_side(report.offset_ms)}", _BAD
        if report.drifting:
            words = (
                f"sound {_side(report.offset_at(0))} at the start, {_side(report.offset_at(report.seconds))} at the end"
            )
    x = pen.write(image, f"{title}: ", (margin, round(34 * unit)), 0.75 * unit, _INK)
    pen.write(image, words, (x, round(34 * unit)), 0.75 * unit, colour)
    right = f"confidence {report.confidence:.2f}   face in {report.found_share:.0%}"
    size = pen.width(right, 0.5 * unit)
    pen.write(image, right, (image.shape[1] - margin - size, round(34 * unit)), 0.5 * unit, _FAINT)


def _curves(
    image: NDArray[np.uint8], report: SyncReport, box: tuple[int, int, int, int], unit: float, pen: Pen
) -> None:
    x, y, w, h = box
    _panel(image, box)
    times = report.times
    if len(times) < 2:
        return
    first, last = _stretch(float(times[-1]))
    shown = (times >= first) & (times <= last)
    at = x + (times[shown] - first) / max(last - first, 1e-6) * (w - 1)
    loud = report.loudness[shown] / max(1e-6, float(report.loudness.max())) * 0.48 * h
    outline = np.column_stack([np.r_[at, at[::-1]], y + h / 2 + np.r_[-loud, loud[::-1]]])
    cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], _WAVE, cv2.LINE_AA, shift=4)
    for second in range(int(np.ceil(first)), int(last) + 1):
        position = int(x + (second - first) / (last - first) * (w - 1))
        cv2.line(image, (position, y + h - round(5 * unit)), (position, y + h), _FAINT, 1)
        pen.write(image, f"{second} s", (position + 3, y + h - round(5 * unit)), 0.38 * unit, _FAINT)
    for curve, colour in ((report.predicted, _PREDICTED), (report.seen, _SEEN)):
        _polyline(image, at, y + h - 0.1 * h - 0.8 * h * _scaled(curve, shown), colour, unit)
    left = pen.write(image, "opening heard", (x + 6, y + round(16 * unit)), 0.45 * unit, _PREDICTED)
    pen.write(image, "opening seen", (left + round(14 * unit), y + round(16 * unit)), 0.45 * unit, _SEEN)


def _match(image: NDArray[np.uint8], report: SyncReport, box: tuple[int, int, int, int], unit: float, pen: Pen) -> None:
    x, y, w, h = box
    _panel(image, box)
    low, high = -0.4, 1.0
    lags = report.lags_ms
    span = lags[-1] - lags[0]

    def column(lag: float) -> int:
        return int(x + (lag - lags[0]) / span * (w - 1))

    def row(value: float) -> int:
        return int(y + h - 1 - (np.clip(value, low, high) - low) / (high - low) * (h - 1))

    for lag in range(int(lags[0]), int(lags[-1]) + 1, 100):
        cv2.line(image, (column(lag), y), (column(lag), y + h), _FAINT if lag == 0 else _GRID, 1)
        if lag < lags[-1] and lag % 200 == 0:
            words = f"{lag:+d}" if lag else "0 ms"
            pen.write(image, words, (column(lag) + 3, y + h - round(5 * unit)), 0.38 * unit, _FAINT)
    cv2.line(image, (x, row(0)), (x + w, row(0)), _GRID, 1)
    good = report.confidence >= MIN_CONFIDENCE
    columns = np.array([column(lag) for lag in lags], float)
    _polyline(image, columns, np.array([row(v) for v in report.correlation], float), _INK, unit)
    if good:
        top = float(report.correlation.max())
        cv2.line(
            image,
            (column(report.offset_ms), row(top)),
            (column(report.offset_ms), y + h),
            _SEEN,
            max(1, round(2 * unit)),
        )
        cv2.circle(image, (column(report.offset_ms), row(top)), round(5 * unit), _SEEN, -1, cv2.LINE_AA)
        pen.write(
            image,
            f"{_signed(report.offset_ms)} ms",
            (column(report.offset_ms) + round(9 * unit), row(top) + 4),
            0.5 * unit,
            _SEEN,
        )
    pen.write(image, "match of sound and mouth", (x + 6, y + round(16 * unit)), 0.45 * unit, _FAINT)
    words = "early <   > late"
    size = pen.width(words, 0.42 * unit)
    pen.write(image, words, (x + w - size - 6, y + round(16 * unit)), 0.42 * unit, _FAINT)


def _offsets(
    image: NDArray[np.uint8], report: SyncReport, box: tuple[int, int, int, int], unit: float, pen: Pen
) -> None:
    """Offset of every stretch over the whole clip."""
    x, y, w, h = box
    _panel(image, box)
    seconds = max(report.seconds, 1e-6)
    sure = [s.offset_ms for s in report.segments if s.confidence >= MIN_CONFIDENCE]
    ends = [report.offset_at(0), report.offset_at(report.seconds)] if report.trusted else []
    reach = min(_FARTHEST_MS, max([_NEAREST_MS, *(1.25 * abs(v) for v in (*sure, *ends))]))

    def place(second: float, offset: float) -> tuple[int, int]:
        return int(x + second / seconds * (w - 1)), int(y + h / 2 - np.clip(offset / reach, -1, 1) * (h / 2 - 4))

    band = place(0, DEFAULT_TOLERANCE_MS), place(seconds, -DEFAULT_TOLERANCE_MS)
    cv2.rectangle(image, *band, _BAND, -1)
    cv2.line(image, place(0, 0), place(seconds, 0), _FAINT, 1)
    step = next(s for s in (50, 100, 200, 500) if reach / s <= 3)
    for offset in range(-step * int(reach // step), int(reach) + 1, step):
        pen.write(image, f"{offset:+d}" if offset else "0", (x + 4, place(0, offset)[1] - 2), 0.36 * unit, _FAINT)
    if report.trusted:
        cv2.line(image, place(0, ends[0]), place(seconds, ends[1]), _SEEN, max(1, round(2 * unit)), cv2.LINE_AA)
    for segment in report.segments:
        good = segment.confidence >= MIN_CONFIDENCE
        middle = place((segment.start_s + segment.end_s) / 2, segment.offset_ms)
        cv2.circle(
            image, middle, round((4 if good else 3) * unit), _SEEN if good else _FAINT, -1 if good else 1, cv2.LINE_AA
        )
    pen.write(image, "offset along the clip, ms", (x + round(40 * unit), y + round(16 * unit)), 0.45 * unit, _FAINT)
    words = f"{report.seconds:.0f} s"
    size = pen.width(words, 0.38 * unit)
    pen.write(image, words, (x + w - size - 5, y + h - round(5 * unit)), 0.38 * unit, _FAINT)


def _side(offset: float) -> str:
    return f"{abs(offset):.0f} ms {'late' if offset > 0 else 'early'}"


def _signed(offset: float) -> str:
    return f"{round(offset):+d}" if round(offset) else "0"


def _stretch(seconds: float) -> tuple[float, float]:
    first = max(0.0, (seconds - _SHOWN_S) / 2)
    return first, min(seconds, first + _SHOWN_S)


def _scaled(curve: NDArray[np.floating], shown: NDArray[np.bool_]) -> NDArray[np.floating]:
    low, high = np.percentile(curve[shown], (2, 98))
    return np.clip((curve[shown] - low) / max(high - low, 1e-6), -0.1, 1.1)


def _panel(image: NDArray[np.uint8], box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    cv2.rectangle(image, (x, y), (x + w, y + h), _PANEL, -1)
    cv2.rectangle(image, (x, y), (x + w, y + h), _GRID, 1)


def _polyline(image: NDArray[np.uint8], x: NDArray, y: NDArray, colour: tuple[int, int, int], unit: float) -> None:
    points = np.round(np.column_stack([x, y]) * 16).astype(np.int32)
    cv2.polylines(image, [points], False, colour, max(1, round(2 * unit)), cv2.LINE_AA, shift=4)
