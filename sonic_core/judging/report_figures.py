"""What each figure of the quality report is called, means, and from where on it is good: for the page, the console and JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from .quality_report import ClipQuality

GOOD, FAIR, POOR, UNJUDGED = "good", "fair", "poor", ""
ENDLESS = math.inf
BLINKS_NEED = 10.0  # s: in a shorter clip a person need not blink


@dataclass(frozen=True)
class Figure:
    """One line of the report.  form: of the number.  good, fair: lowest and highest value that is so, None = not judged.

    label, meaning: English and Chinese.
    """

    name: str
    form: str
    good: tuple[float, float] | None
    fair: tuple[float, float] | None
    label: tuple[str, str]
    meaning: tuple[str, str]

    def value(self, quality: ClipQuality) -> float:
        value = getattr(quality, self.name)
        return len(value) if isinstance(value, tuple) else value

    def shown(self, quality: ClipQuality) -> str:
        value = self.value(quality)
        return "–" if math.isnan(value) else self.form.format(value)

    def verdict(self, quality: ClipQuality) -> str:
        value = self.value(quality)
        too_short = self.name == "blinks_per_minute" and quality.seconds < BLINKS_NEED
        if self.good is None or math.isnan(value) or too_short:
            return UNJUDGED
        if self.good[0] <= value <= self.good[1]:
            return GOOD
        return FAIR if self.fair and self.fair[0] <= value <= self.fair[1] else POOR


# Sync: what viewers notice and what they accept (ITU-R BT.1359).  Blinks: speaking people make about 26 a minute (Bentivoglio et al. 1997).
# The others: between rendered clips (good) and the same with a visible fault (poor).
FIGURES = (
    Figure(
        "sync_offset_ms",
        "{:+.0f} ms",
        (-45, 125),
        (-90, 185),
        ("Sound against mouth", "声音与口型"),
        (
            "positive = sound late; from 45 ms early or 125 ms late on people notice",
            "正值 = 声音偏晚；早于 45 毫秒或晚于 125 毫秒会被察觉",
        ),
    ),
    Figure(
        "sync_confidence",
        "{:.2f}",
        (0.5, 1),
        (0, 1),
        ("Do they belong together?", "音画匹配度"),
        ("under 0.5 sound and mouth could not be matched", "低于 0.5 表示声音与口型对不上"),
    ),
    Figure(
        "closure_rate",
        "{:.0%}",
        (0.8, 1),
        (0.6, 1),
        ("Lips meet on p, b, m", "双唇音闭合率"),
        ("share of the closures in the sound at which the mouth closes", "声音中的 p、b、m 处嘴唇真正合上的比例"),
    ),
    Figure(
        "flicker",
        "{:.2f}",
        (0, 0.5),
        (0, 1),
        ("Flicker", "闪烁"),
        ("brightness from frame to frame, levels of 255", "逐帧亮度变化（0–255 级）"),
    ),
    Figure(
        "luma_steps",
        "{:d}",
        (0, 0),
        (0, 2),
        ("Jumps of brightness", "亮度突变"),
        ("frames at which the picture jumps by more than 1.5 levels", "亮度跳变超过 1.5 级的帧数"),
    ),
    Figure(
        "sharpness",
        "{:.2f}",
        None,
        None,
        ("Sharpness", "清晰度"),
        (
            "CPBD: share of edges without visible blur; photographs reach 0.3 to 0.6",
            "CPBD：看不出模糊的边缘比例；普通照片约 0.3–0.6",
        ),
    ),
    Figure(
        "geometry_drift",
        "{:.3f}",
        (0, 0.015),
        (0, 0.025),
        ("Shape of the face", "脸型漂移"),
        ("lasting departure from the beginning, eye distances", "相对开头的持续偏离（以眼距为单位）"),
    ),
    Figure(
        "colour_drift",
        "{:.1f}",
        (0, 4),
        (0, 8),
        ("Colour of the face", "肤色漂移"),
        ("departure of the cheeks from the first frame, Lab", "脸颊相对首帧的颜色偏离（Lab）"),
    ),
    Figure(
        "blinks_per_minute",
        "{:.0f}",
        (5, 40),
        (2, 60),
        ("Blinks per minute", "每分钟眨眼"),
        ("people who speak: about 10 to 30", "说话的人约 10–30 次"),
    ),
    Figure(
        "yaw_range",
        "{:.1f}°",
        None,
        None,
        ("Head turns", "左右转头"),
        (
            "range of yaw; the mesh is shallow and shows about three quarters",
            "偏航角范围；网格偏浅，约为实际的四分之三",
        ),
    ),
    Figure(
        "pitch_range",
        "{:.1f}°",
        None,
        None,
        ("Head nods", "上下点头"),
        ("range of pitch; a moving chin counts a little", "俯仰角范围；下巴动作会略有影响"),
    ),
    Figure("roll_range", "{:.1f}°", None, None, ("Head tilts", "左右歪头"), ("range of roll", "翻滚角范围")),
    Figure("head_travel", "{:.2f}", None, None, ("Head travels", "头部位移"), ("eye distances", "以眼距为单位")),
    Figure(
        "found_share",
        "{:.0%}",
        (0.98, 1),
        (0.9, 1),
        ("Face seen", "检出人脸"),
        ("share of the frames", "占全部帧的比例"),
    ),
)


def as_dict(quality: ClipQuality) -> dict[str, object]:
    """Plain values for JSON, without the curves; None where nothing could be measured.  `verdicts` by name, of those that are judged."""
    values = {item.name: plain(getattr(quality, item.name)) for item in fields(quality) if item.name != "curves"}
    verdicts = {figure.name: figure.verdict(quality) for figure in FIGURES}
    return {**values, "verdicts": {name: verdict for name, verdict in verdicts.items() if verdict}}


def lines(quality: ClipQuality) -> list[str]:
    """A line per figure for the console; what is not good is marked."""
    marks = {GOOD: "ok   ", FAIR: "look ", POOR: "POOR ", UNJUDGED: "     "}
    return [
        *(
            f"{marks[figure.verdict(quality)]}    {figure.label[0]:26} {figure.shown(quality):>8}   {figure.meaning[0]}"
            for figure in FIGURES
        ),
        *(f"Note:    {note}" for note in quality.notes),
    ]


def plain(value: object) -> object:
    """As JSON can hold it: no NaN, no tuples."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
