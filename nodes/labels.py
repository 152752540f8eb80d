"""Inputs of nodes under the names that the editor shows."""

from __future__ import annotations

import json
import re
from functools import cache

from .host import PACK

BY_ITSELF = r"(?<![\w./\\=“-])({})(?![\w./\\=-])"
"""Not within a path, an address, a call or another word."""
QUOTED = "“{}”"
FIGURE = re.compile(r"\d$")


def labelled(text: str, language: str, node: str = "") -> str:
    """Names of inputs in `text` as `language` labels them, in its quotation marks; what stands between backticks stays.

    node: id of the one that speaks; its labels go before those that all nodes share.
    """
    labels = _labels(language, node)
    if not labels:
        return text
    names = re.compile(rf"`[^`]*`| ?{BY_ITSELF.format('|'.join(labels))} ?")

    def shown(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or FIGURE.search(text[: found.start()]):  # 25 fps
            return found[0]
        return QUOTED.format(labels[name])

    return names.sub(shown, text)


@cache
def _labels(language: str, node: str) -> dict[str, str]:
    """By name, longest first; none for English, whose labels are the names."""
    path = PACK / "locales" / language / "nodeDefs.json"
    if language == "en" or not path.is_file():
        return {}
    words = json.loads(path.read_text("utf-8"))
    its = {node_id: {name: item["name"] for name, item in about["inputs"].items()} for node_id, about in words.items()}
    every: dict[str, set[str]] = {}
    for names in its.values():
        for name, label in names.items():
            every.setdefault(name, set()).add(label)
    labels = {name: next(iter(known)) for name, known in every.items() if len(known) == 1} | its.get(node, {})
    return {name: labels[name] for name in sorted(labels, key=len, reverse=True) if labels[name] != name}
