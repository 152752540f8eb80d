"""The chain of the design card, node by node: fast (the bundled engine) and high_quality (the Sonic model)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .first import PICTURE, RECORDING
from .graph import Graph, Group, Lane, Node, Note

TOP, LOW, HIGH = -150, -64, -96  # of the groups; of the two lanes in which wires pass over nodes


def chain(
    name: str,
    notes: tuple[Note, ...],
    settings: Mapping[str, Mapping[str, Any]],
    left: int,
    height: int,
    view,
    models=(),
) -> Graph:
    """settings: widget values by node.  left: of the first group.  height: of the groups."""

    def values(key: str, **others: Any) -> dict[str, Any]:
        return {**others, **settings.get(key, {})}

    nodes = (
        Node("model", "SonicModelLoader", (0, 0), (280, 132), values("model")),
        Node("picture", "LoadImage", (0, 200), (280, 314), {"image": PICTURE}),
        Node("sound", "SonicLoadAudio", (0, 570), (280, 250), {"audio": RECORDING}),
        Node(
            "prepared",
            "SonicPreData",
            (370, 0),
            (330, 760),
            values("prepared"),
            {"model": ("model", 0), "image": ("picture", 0), "audio": ("sound", 0)},
        ),
        Node(
            "motion",
            "SonicInference",
            (790, 0),
            (290, 222),
            values("motion"),
            {"model": ("model", 0), "predata": ("prepared", 0)},
        ),
        Node(
            "frames",
            "SonicLatentDecode",
            (790, 330),
            (290, 370),
            inputs={"model": ("model", 0), "predata": ("prepared", 0), "latent": ("motion", 0)},
        ),
        Node(
            "synced",
            "SonicLipSyncAlign",
            (1170, 0),
            (330, 560),
            inputs={"images": ("frames", 0), "audio": ("frames", 2), "fps": ("frames", 1)},
        ),
        Node("calm", "SonicTemporalSmooth", (1170, 660), (330, 82), values("calm"), {"images": ("synced", 0)}),
        Node(
            "video",
            "SonicVideoCombine",
            (1600, 0),
            (400, 640),
            values("video"),
            {
                "images": ("calm", 0),
                "audio": ("synced", 1),
                "fps": ("frames", 1),
                "predata": ("prepared", 0),
                "latent": ("motion", 0),
            },
        ),
    )
    lanes = (
        Lane("motion", "model", ((325, LOW), (745, LOW))),
        Lane("frames", "model", ((325, LOW), (745, LOW), (735, 340))),
        Lane("video", "predata", ((735, HIGH), (1545, HIGH))),
        Lane("frames", "latent", ((1120, 270), (760, 280))),
        Lane("video", "latent", ((1120, LOW), (1535, LOW))),
        Lane("video", "fps", ((1130, 830), (1540, 830))),
        Lane("calm", "images", ((1540, 600), (1140, 610))),
    )
    boxes = ((left, 310 - left, "1  Inputs  输入", "#3f789e"), (350, 370, "2  Prepare  准备", "#3f9e78"))
    boxes += ((770, 330, "3  Frames  画面", "#8A8"), (1150, 370, "4  Sync, calm  对齐与平滑", "#b58b2a"))
    boxes += ((1580, 440, "5  Video  视频", "#a1309b"),)
    groups = tuple(Group(title, (x, TOP, width, height), colour) for x, width, title, colour in boxes)
    form = (
        (("picture", "image"), ("sound", "audio"), ("motion", "seed")),
        ("video",),
    )
    return Graph(name, nodes, notes, groups, lanes, view, form)


VIEW = (0.7, (105, 290))
HEIGHT = 1050

FAST = chain(
    "fast",
    (
        Note(
            (790, 775),
            (290, 110),
            "### The same clip node by node. Your files: *Load Image*, *Load Audio*.\n\n"
            "### 逐个节点完成同一段视频。换文件：*加载图像*、*加载音频*。",
        ),
    ),
    {"calm": {"method": "none"}},
    left=-20,
    height=HEIGHT,
    view=VIEW,
)

NOTES = Path(__file__).with_name("notes")


def _text(language: str) -> str:
    return (NOTES / f"high_quality.{language}.md").read_text("utf-8")


HIGH_QUALITY = chain(
    "high_quality",
    (Note((-20, 930), (960, 700), _text("en")), Note((1000, 930), (960, 700), _text("zh"))),
    {
        "model": {"engine": "sonic"},
        "prepared": {"min_resolution": 1024},
        "calm": {"method": "flow_ema", "strength": 0.3},
        "video": {"filename_prefix": "sonic/high_quality"},
    },
    left=-20,
    height=HEIGHT,
    view=VIEW,
)
