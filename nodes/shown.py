"""What a node shows of its result: the `ui` part of its output, in the forms that the classic canvas and Nodes 2.0 both understand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .host import temporary_file


def video_preview(path: Path, subfolder: str, shown: Path | None = None, text: str = "") -> dict[str, Any]:
    """The `ui` of a finished video: a player on the node.

    shown: a file in the temporary folder that plays in its stead.  text: shown beside it.
    """
    item = {"filename": path.name, "subfolder": subfolder, "type": "output"}
    played = {"filename": shown.name, "subfolder": "", "type": "temp"} if shown else item
    return {
        "images": [played],
        "animated": (True,),
        "path": [str(path)],
        **({"file": [item]} if path.is_file() else {}),
        **({"text": [text]} if text else {}),
    }


def video_previews(shown: Sequence[Mapping[str, Any]], text: str) -> dict[str, Any]:
    """Several of `video_preview` as the `ui` of one node, over one text."""
    merged: dict[str, Any] = {
        key: [item for one in shown for item in one.get(key, ())] for key in ("images", "path", "file")
    }
    return {**merged, "animated": (True,), **({"text": [text]} if text else {})}


def text_shown(lines: Iterable[str]) -> dict[str, Any]:
    """The `ui` of lines of text on the node; no lines clear what the run before left there."""
    return {"text": list(lines)}


def picture_preview(picture: NDArray[np.uint8], text: str) -> dict[str, Any]:
    """The `ui` of an RGB picture and a text on the node; the picture is a temporary file of ComfyUI's."""
    path = temporary_file(".png")
    Image.fromarray(picture).save(path, compress_level=1)
    return {"images": [{"filename": path.name, "subfolder": "", "type": "temp"}], "text": [text]}
