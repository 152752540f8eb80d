"""A workflow saved by ComfyUI's editor, run node by node without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

ONLY_DRAWN = {"MarkdownNote", "Note"}
NOT_SENT = {"control_after_generate", "upload", "audioUI"}

Prompt = dict[str, dict[str, Any]]


def widget_names(definition: Mapping[str, Any]) -> list[str]:
    """Names of a node's saved widget values in the editor's order.  definition: its entry in /object_info."""
    names = []
    inputs = {**definition["input"].get("required", {}), **definition["input"].get("optional", {})}
    for name, spec in inputs.items():
        kind, options = spec[0], spec[1] if len(spec) > 1 else {}
        if not isinstance(kind, list) and kind not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
            continue
        names.append(name)
        if options.get("control_after_generate"):
            names.append("control_after_generate")
    return names


def prompt_of(workflow: Mapping[str, Any], definitions: Mapping[str, Any]) -> Prompt:
    """The API form of an editor workflow (schema 0.4)."""
    origin = {link[0]: (str(link[1]), link[2]) for link in workflow["links"]}
    prompt: Prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in ONLY_DRAWN:
            continue
        values = dict(zip(widget_names(definitions[node["type"]]), node.get("widgets_values", []), strict=False))
        inputs = {name: value for name, value in values.items() if name not in NOT_SENT}
        for socket in node.get("inputs", []):
            if socket.get("link") is not None:
                inputs[socket["name"]] = list(origin[socket["link"]])
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def run(prompt: Prompt, execute: Callable[[str, dict[str, Any]], tuple]) -> dict[str, tuple]:
    """Execute every node after those it depends on; the outputs by node id.

    execute: class name and inputs -> outputs.
    """
    before = {
        node_id: {value[0] for value in node["inputs"].values() if is_link(value)} for node_id, node in prompt.items()
    }
    outputs: dict[str, tuple] = {}
    for node_id in TopologicalSorter(before).static_order():
        node = prompt[node_id]
        inputs = {
            name: outputs[value[0]][value[1]] if is_link(value) else value for name, value in node["inputs"].items()
        }
        outputs[node_id] = execute(node["class_type"], inputs)
    return outputs


def is_link(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)
    )
