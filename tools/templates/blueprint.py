"""A graph as a subgraph blueprint: one node in the node library of newer ComfyUIs, whose inside is the graph."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .graph import NAMESPACE, Graph, Output, group_json, inputs_of, links_of, node_json, reroutes_of, sockets_of

INSIDE, OUTSIDE = -10, -20  # the editor's numbers of the two ends of a subgraph
END_WIDTH, END_ROW, END_BORDER = 160, 20, 40  # px
FORMAT = 1
PREVIEW = "$$canvas-image-preview"
"""How editors call the preview of a node among its widgets."""

Widget = tuple[str, str]
"""Key of a node and the name of its input."""


@dataclass(frozen=True)
class Blueprint:
    """graph: what is inside.  inputs: sockets and widgets of the one node, under the name that it shows.  outputs: likewise.

    preview: key of the node whose picture or video the one node shows.  ends: left edges of the two ends and their top, px.
    size: of the one node, without the preview.
    """

    graph: Graph
    description: str
    category: str
    inputs: Mapping[str, Widget]
    outputs: Mapping[str, Output]
    preview: str
    ends: tuple[int, int, int]
    size: tuple[int, int]


def blueprint_json(blueprint: Blueprint, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The blueprint as the editor publishes one.  definitions: entries of /object_info by kind."""
    graph = blueprint.graph
    number = {node.key: i for i, node in enumerate(graph.nodes, 1)}
    kinds = {node.key: definitions[node.kind] for node in graph.nodes}
    inner = links_of(graph, number, definitions)
    specs = {name: inputs_of(kinds[key])[widget] for name, (key, widget) in blueprint.inputs.items()}
    slots = {key: sockets_of(kinds[key]) for key in number}
    entering = [
        (len(inner) + i, INSIDE, i - 1, number[key], slots[key].index(widget), specs[name][0])
        for i, (name, (key, widget)) in enumerate(blueprint.inputs.items(), 1)
    ]
    leaving = [
        (len(inner) + len(entering) + i, number[key], slot, OUTSIDE, i - 1, kinds[key]["output"][slot])
        for i, (key, slot) in enumerate(blueprint.outputs.values(), 1)
    ]
    links = [*inner, *entering, *leaving]
    identity = _id(graph.name)
    reroutes, extensions = reroutes_of(graph, number, links, definitions)
    parents = {extension["id"]: extension["parentId"] for extension in extensions}
    left, right, top = blueprint.ends
    subgraph = {
        "id": identity,
        "version": FORMAT,
        "state": {
            "lastGroupId": len(graph.groups),
            "lastNodeId": len(number),
            "lastLinkId": len(links),
            "lastRerouteId": len(reroutes),
        },
        "revision": 0,
        "config": {},
        "name": graph.name,
        "inputNode": {"id": INSIDE, "bounding": _end(left, top, entering)},
        "outputNode": {"id": OUTSIDE, "bounding": _end(right, top, leaving)},
        "inputs": _slots(graph.name, "in", blueprint.inputs, entering),
        "outputs": _slots(graph.name, "out", blueprint.outputs, leaving),
        "widgets": [],
        "nodes": [node_json(node, number[node.key], definitions[node.kind], links) for node in graph.nodes],
        "groups": [group_json(i, group) for i, group in enumerate(graph.groups, 1)],
        "links": [_link(link, parents.get(link[0])) for link in links],
        "reroutes": reroutes,
        "extra": {"workflowRendererVersion": "LG"},
        "category": blueprint.category,
        "description": blueprint.description,
    }
    widgets = {
        name: widget for name, widget in blueprint.inputs.items() if "widget" in _socket(subgraph, number, widget)
    }
    outer = len(number) + 1  # no number twice: editors give another one to the second, and lose what was promoted of it
    shown = {
        "id": outer,
        "type": identity,
        "pos": [0, 0],
        "size": list(blueprint.size),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [
            {
                "name": name,
                "type": specs[name][0],
                **({"widget": {"name": name}} if name in widgets else {}),
                "link": None,
            }
            for name in blueprint.inputs
        ],
        "outputs": [
            {"name": name, "type": link[5], "links": []} for name, link in zip(blueprint.outputs, leaving, strict=True)
        ],
        "properties": {
            "proxyWidgets": [[str(number[key]), name] for key, name in widgets.values()],
            "previewExposures": [
                {"name": PREVIEW, "sourceNodeId": str(number[blueprint.preview]), "sourcePreviewName": PREVIEW}
            ],
            "cnr_id": "sonic-portrait",
        },
        "widgets_values": [],
        "title": graph.name,
    }
    return {
        "id": _id(f"{graph.name} alone"),
        "revision": 0,
        "last_node_id": outer,
        "last_link_id": 0,
        "nodes": [shown],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [subgraph]},
        "extra": {"BlueprintDescription": blueprint.description},
    }


def _id(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, name))


def _end(left: int, top: int, links: Iterable[tuple]) -> list[int]:
    return [left, top, END_WIDTH, END_BORDER + END_ROW * len(list(links))]


def _slots(graph: str, way: str, names: Iterable[str], links: Iterable[tuple]) -> list[dict[str, Any]]:
    return [
        {"id": _id(f"{graph} {way} {name}"), "name": name, "type": link[5], "linkIds": [link[0]]}
        for name, link in zip(names, links, strict=True)
    ]


def _link(link: tuple, parent: int | None) -> dict[str, Any]:
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    return {**dict(zip(names, link, strict=True)), **({"parentId": parent} if parent else {})}


def _socket(subgraph: Mapping[str, Any], number: Mapping[str, int], widget: Widget) -> Mapping[str, Any]:
    key, name = widget
    node = subgraph["nodes"][number[key] - 1]
    return next(socket for socket in node["inputs"] if socket["name"] == name)
