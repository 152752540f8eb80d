"""Blueprints of the pack: the chain as one node."""

from __future__ import annotations

from dataclasses import replace

from .blueprint import Blueprint
from .chain import FAST
from .graph import Lane

END, OVER = -300, -120  # left edge of the inputs' end; of the lanes of its wires over the nodes


def _inside():
    """The chain's nodes without those that load: picture and recording come from outside."""
    nodes = []
    for node in FAST.nodes:
        if node.key == "prepared":
            nodes.append(replace(node, inputs={"model": node.inputs["model"]}))
        elif node.key == "model":
            nodes.append(replace(node, pos=(0, 260)))
        elif node.key not in ("picture", "sound"):
            nodes.append(node)
    return tuple(nodes)


TALKING_PORTRAIT = Blueprint(
    replace(
        FAST,
        name="Talking portrait (Sonic)",
        nodes=_inside(),
        notes=(),
        groups=(replace(FAST.groups[0], title="1  Model  模型"), *FAST.groups[1:]),
        lanes=(
            *FAST.lanes,
            *(
                Lane("motion", name, ((-80, y), (745, y)))
                for name, y in (("seed", OVER), ("dynamic_scale", OVER + 8), ("motion_scale", OVER + 16))
            ),
            Lane("video", "filename_prefix", ((-80, OVER - 8), (1545, OVER - 8))),
        ),
        form=None,
    ),
    description="A picture and a recording become a video of a person who speaks. 一张图片加一段录音，变成说话的视频。",
    category="Sonic",
    inputs={
        "image": ("prepared", "image"),
        "audio": ("prepared", "audio"),
        "engine": ("model", "engine"),
        "min_resolution": ("prepared", "min_resolution"),
        "seed": ("motion", "seed"),
        "dynamic_scale": ("motion", "dynamic_scale"),
        "motion_scale": ("motion", "motion_scale"),
        "filename_prefix": ("video", "filename_prefix"),
    },
    outputs={"video": ("video", 0)},
    preview="video",
    ends=(END, 2080, 0),
    size=(330, 250),
)

BLUEPRINTS = (TALKING_PORTRAIT,)
