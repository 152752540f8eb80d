"""A graph described in a few words, written as the editor saves it (schema 0.4)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sonic_core.version import __version__

NOTE_COLOURS = {"color": "#432", "bgcolor": "#653"}
NAMESPACE = uuid.UUID("6f1f0b52-6c0c-4d0c-9a9a-3a1b7c0f5d11")

Place = tuple[int, int]
Output = tuple[str, int]
"""Key of a node and the number of its output."""


@dataclass(frozen=True)
class Node:
    """A node: `values` of widgets that differ from the default, `inputs` by name, `size` in px of the canvas."""

    key: str
    kind: str
    pos: Place
    size: Place
    values: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Output] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """A short note in both languages."""

    pos: Place
    size: Place
    text: str


@dataclass(frozen=True)
class Group:
    title: str
    box: tuple[int, int, int, int]
    colour: str


@dataclass(frozen=True)
class Lane:
    """Two bends of a wire, so that it passes over nodes and not behind them: from the output of `origin` to `input` of `target`."""

    target: str
    input: str
    bends: tuple[Place, ...]


@dataclass(frozen=True)
class Graph:
    """view: scale and offset at which it opens.  form: widgets (node, widget) and node shown in app mode."""

    name: str
    nodes: tuple[Node, ...]
    notes: tuple[Note, ...] = ()
    groups: tuple[Group, ...] = ()
    lanes: tuple[Lane, ...] = ()
    view: tuple[float, Place] = (1.0, (0, 0))
    form: tuple[tuple[tuple[str, str], ...], tuple[str, ...]] | None = None


def saved(graph: Graph, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The graph as the editor's JSON.  definitions: entries of /object_info by kind."""
    number = {node.key: i for i, node in enumerate(graph.nodes, len(graph.notes) + 1)}
    links = links_of(graph, number, definitions)
    notes = [_note(i, note) for i, note in enumerate(graph.notes, 1)]
    nodes = [node_json(node, number[node.key], definitions[node.kind], links) for node in graph.nodes]
    reroutes, extensions = reroutes_of(graph, number, links, definitions)
    scale, offset = graph.view
    extra: dict[str, Any] = {"ds": {"scale": scale, "offset": list(offset)}, "workflowRendererVersion": "LG"}
    if reroutes:
        extra |= {"reroutes": reroutes, "linkExtensions": extensions}
    if graph.form:
        widgets, shown = graph.form
        extra |= {
            "linearData": {
                "inputs": [[number[key], widget] for key, widget in widgets],
                "outputs": [number[key] for key in shown],
            },
            "linearMode": False,
        }
    return {
        "id": str(uuid.uuid5(NAMESPACE, graph.name)),
        "revision": 0,
        "last_node_id": len(notes) + len(nodes),
        "last_link_id": len(links),
        "nodes": notes + nodes,
        "links": [list(link) for link in links],
        "groups": [group_json(i, group) for i, group in enumerate(graph.groups, 1)],
        "config": {},
        "extra": extra,
        "version": 0.4,
    }


def inputs_of(definition: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Inputs of a kind by name, in the editor's order: type and options."""
    found = {}
    for part in ("required", "optional"):
        for name, spec in definition["input"].get(part, {}).items():
            kind, options = spec[0], spec[1] if len(spec) > 1 else {}
            found[name] = ("COMBO", {**options, "options": kind}) if isinstance(kind, list) else (kind, options)
    return found


def is_widget(kind: str, options: Mapping[str, Any]) -> bool:
    return kind in {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"} and not options.get("forceInput")


def links_of(graph: Graph, number: Mapping[str, int], definitions: Mapping[str, Any]) -> list[tuple]:
    links = []
    kinds = {node.key: definitions[node.kind] for node in graph.nodes}
    for node in graph.nodes:
        sockets = sockets_of(kinds[node.key])
        for name, (origin, output) in node.inputs.items():
            kind = kinds[origin]["output"][output]
            links.append((len(links) + 1, number[origin], output, number[node.key], sockets.index(name), kind))
    return links


def sockets_of(definition: Mapping[str, Any]) -> list[str]:
    """Names of the inputs in the order of their slots: sockets first, as the editor lays them, then those of widgets."""
    inputs = inputs_of(definition)
    plain = [name for name, spec in inputs.items() if not is_widget(*spec)]
    return [*plain, *(name for name, spec in inputs.items() if is_widget(*spec))]


def node_json(node: Node, number: int, definition: Mapping[str, Any], links: Iterable[tuple]) -> dict[str, Any]:
    inputs = inputs_of(definition)
    unknown = set(node.values) - set(inputs) - {"control_after_generate"}
    if unknown:
        raise ValueError(f"{node.kind} has no {', '.join(sorted(unknown))}")
    taken = {(link[3], link[4]): link[0] for link in links}
    sockets = []
    for slot, name in enumerate(sockets_of(definition)):
        kind, options = inputs[name]
        widget = {"widget": {"name": name}} if is_widget(kind, options) else {}
        sockets.append({"name": name, "type": kind, **widget, "link": taken.get((number, slot))})
    sources: dict[int, list[int]] = {}
    for link in links:
        if link[1] == number:
            sources.setdefault(link[2], []).append(link[0])
    names = definition.get("output_name") or definition["output"]
    outputs = [
        {"name": name, "type": kind, "links": sources.get(slot, [])}
        for slot, (name, kind) in enumerate(zip(names, definition["output"], strict=True))
    ]
    ours = node.kind.startswith("Sonic")
    origin = {"cnr_id": "sonic-portrait", "ver": __version__} if ours else {"cnr_id": "comfy-core", "ver": "0.3.64"}
    return {
        "id": number,
        "type": node.kind,
        "pos": list(node.pos),
        "size": list(node.size),
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": sockets,
        "outputs": outputs,
        "properties": {**origin, "Node name for S&R": node.kind},
        "widgets_values": _values(node, inputs),
    }


def _values(node: Node, inputs: Mapping[str, tuple[str, dict[str, Any]]]) -> list[Any]:
    values = []
    for name, (kind, options) in inputs.items():
        if not is_widget(kind, options):
            continue
        values.append(node.values.get(name, options.get("default", "")))
        if options.get("control_after_generate"):
            values.append(node.values.get("control_after_generate", "fixed"))
        if options.get("image_upload"):
            values.append("image")
    return values


def _note(number: int, note: Note) -> dict[str, Any]:
    return {
        "id": number,
        "type": "MarkdownNote",
        "pos": list(note.pos),
        "size": list(note.size),
        "flags": {},
        "order": number,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [note.text.strip() + "\n"],
        **NOTE_COLOURS,
    }


def group_json(number: int, group: Group) -> dict[str, Any]:
    return {
        "id": number,
        "title": group.title,
        "bounding": list(group.box),
        "color": group.colour,
        "font_size": 24,
        "flags": {},
    }


def reroutes_of(
    graph: Graph, number: Mapping[str, int], links: Iterable[tuple], definitions: Mapping[str, Any]
) -> tuple[list[dict], list[dict]]:
    """Bends of the wires as the editor's reroutes, and the last bend of each wire.

    Bends at one place of wires from one output are one: the wires part there.
    """
    slots = {node.key: sockets_of(definitions[node.kind]) for node in graph.nodes}
    ends = {(link[3], link[4]): link for link in links}
    made: dict[tuple, dict[str, Any]] = {}
    extensions = []
    for lane in graph.lanes:
        link = ends[number[lane.target], slots[lane.target].index(lane.input)]
        parent = None
        for bend in lane.bends:
            reroute = made.setdefault(
                (link[1], link[2], bend, parent),
                {"id": len(made) + 1, **({"parentId": parent} if parent else {}), "pos": list(bend), "linkIds": []},
            )
            reroute["linkIds"].append(link[0])
            parent = reroute["id"]
        extensions.append({"id": link[0], "parentId": parent})
    return list(made.values()), extensions
