"""A ComfyUI workflow as a template of prompts: the editor's format or the API's, with inputs that rows name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from .columns import NO, YES
from .table import nearest

Prompt = dict[str, dict[str, Any]]
Definitions = Mapping[str, Any]
"""A server's /object_info: what it says about every class of node."""

ONLY_DRAWN = ("MarkdownNote", "Note")
MUTED, BYPASSED = 2, 4
"""Modes of a node in the editor."""
SHOWN_KINDS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
CONTROLS = ("fixed", "increment", "decrement", "randomize")
"""What the editor saves after a seed."""
UPLOADS = ("image_upload", "audio_upload", "video_upload")
OURS = "Sonic"
NOT_AS_SAVED = (KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RecursionError, ValueError)
"""What reading a workflow runs into that no ComfyUI has saved: nodes, links and values of other kinds than these have there."""


@dataclass(frozen=True)
class Input:
    """One input of one node that a row may set.  file: "image", "audio" or "video" where it names a file of that
    kind in the server's input folder, which has to be uploaded; "" = no file.
    """

    node: str
    name: str
    kind: str
    choices: tuple[Any, ...] = ()
    file: str = ""

    def read(self, value: Any) -> Any:
        """A cell as the node wants it.  Raises SettingsError for text of another kind."""
        if not isinstance(value, str) or self.file or self.kind == "STRING":
            return value
        try:
            if self.kind == "INT":
                return int(value)
            if self.kind == "FLOAT":
                return float(value.replace(",", ".") if "." not in value else value)
        except ValueError:
            kind = "whole number" if self.kind == "INT" else "number"
            raise SettingsError(f"{self.name} of node {self.node} is {value!r}; expected a {kind}.") from None
        if self.kind == "BOOLEAN":
            if value.lower() not in YES + NO:
                raise SettingsError(f"{self.name} of node {self.node} is {value!r}; expected true or false.")
            return value.lower() in YES
        if self.choices and value not in self.choices:
            matching = [choice for choice in self.choices if str(choice) == value]
            if not matching:
                raise SettingsError(
                    f"{self.name} of node {self.node} is {value!r}; {nearest(value, [str(one) for one in self.choices])}"
                )
            return matching[0]
        return value


class Workflow:
    """A prompt to be filled in, and what its inputs are called.

    Raises SettingsError: no JSON, no workflow, a node that the server does not know.
    """

    def __init__(self, path: Path, definitions: Definitions) -> None:
        saved = _read(path)
        self.name, self.definitions = path.name, definitions
        self.titles: dict[str, str] = {}
        try:
            self.prompt = self._prompt(saved)
            self.inputs = {identity: self._inputs_of(node, identity) for identity, node in self.prompt.items()}
        except SettingsError:
            raise
        except NOT_AS_SAVED as error:
            what = " ".join(str(error).split()) or type(error).__name__
            raise SettingsError(
                f"{path.name} is not as ComfyUI saves a workflow ({what}). Save it again with File > Export (API)."
            ) from error

    def _prompt(self, saved: Mapping[str, Any]) -> Prompt:
        if isinstance(saved.get("nodes"), list):
            return _Editor(saved, self.name, self.definitions).prompt(self.titles)
        prompt = _api_prompt(saved, self.name)
        for identity, node in prompt.items():
            self.titles[identity] = str(node.get("_meta", {}).get("title", ""))
            _definition(self.definitions, node["class_type"], self.name)
        return prompt

    def column(self, name: str) -> Input:
        """The input that a column names: `id.input`, `Node title.input`, or a short form.

        Raises SettingsError for an unknown or ambiguous one.
        """
        owner, _, own = name.rpartition(".")
        found = self._short(name) if not owner else []
        for start in (position for position, sign in enumerate(name) if sign == "."):  # titles and inputs may hold dots
            owner, own = name[:start], name[start + 1 :]
            found += [self.inputs[node][own] for node in self._called(owner) if own in self.inputs[node]]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{one.node}.{one.name}" for one in found)
            raise SettingsError(f"the column {name!r} fits several inputs of {self.name}; write {names}.")
        raise SettingsError(f"the column {name!r} is no input of {self.name}; {nearest(name, self._names())}")

    def copied(self) -> Prompt:
        """The prompt as it was saved, to be changed at will."""
        return {
            identity: {"class_type": node["class_type"], "inputs": dict(node["inputs"])}
            for identity, node in self.prompt.items()
        }

    def _inputs_of(self, node: Mapping[str, Any], identity: str) -> dict[str, Input]:
        """What can be set: everything that no other node feeds."""
        found = {}
        for name, spec in _specs(_definition(self.definitions, node["class_type"], self.name)).items():
            kind, choices, options = _kind(spec)
            if kind in SHOWN_KINDS and not _is_link(node["inputs"].get(name)):
                file = next((key.partition("_")[0] for key in UPLOADS if options.get(key)), "")
                found[name] = Input(identity, name, kind, tuple(choices), file)
        for name, value in node["inputs"].items():  # of a dynamic node, whose inputs its definition does not name
            if name not in found and not _is_link(value):
                found[name] = Input(identity, name, "")
        return found

    def _called(self, owner: str) -> list[str]:
        return [node for node in self.prompt if node == owner or self.titles.get(node) == owner]

    def _short(self, name: str) -> list[Input]:
        """Inputs that a short form may mean: `image` and `audio` are files, others settings; of our own nodes before those of others."""
        every = [inputs[name] for inputs in self.inputs.values() if name in inputs]
        if name in ("image", "audio"):
            every = [one for one in every if one.file]
        ours = [one for one in every if self.prompt[one.node]["class_type"].startswith(OURS)]
        return ours or every

    def _names(self) -> list[str]:
        names = [name for inputs in self.inputs.values() for name in inputs]
        return sorted({name for name in names if len(self._short(name)) == 1}) + [
            f"{self.titles.get(node) or node}.{name}" for node, inputs in self.inputs.items() for name in inputs
        ]


class _Editor:
    """What the editor saves, as the API's prompt: values by name, links followed through nodes that only exist in the editor."""

    def __init__(self, saved: Mapping[str, Any], name: str, definitions: Definitions) -> None:
        self.name, self.definitions = name, definitions
        if (saved.get("definitions") or {}).get("subgraphs"):
            raise SettingsError(f"{name} contains subgraphs. Save it with File > Export (API) and give that file.")
        self.nodes = {str(node["id"]): node for node in saved["nodes"] if node["type"] not in ONLY_DRAWN}
        links = [[*link.values()] if isinstance(link, dict) else link for link in saved.get("links") or []]
        self.origins = {link[0]: (str(link[1]), int(link[2])) for link in links}

    def prompt(self, titles: dict[str, str]) -> Prompt:
        """titles: is filled with what each node is called."""
        prompt: Prompt = {}
        for identity, node in self.nodes.items():
            if node.get("mode") in (MUTED, BYPASSED) or node["type"] in ("Reroute", "PrimitiveNode"):
                continue
            definition = _definition(self.definitions, node["type"], self.name)
            inputs = _widget_values(node, definition)
            for socket in node.get("inputs") or []:
                if socket.get("link") is not None:
                    source = self._source(socket["link"])
                    if source is None:
                        inputs.pop(socket["name"], None)
                    else:
                        inputs[socket["name"]] = source
            prompt[identity] = {"class_type": node["type"], "inputs": inputs}
            titles[identity] = str(node.get("title") or definition.get("display_name") or node["type"])
        return prompt

    def _source(self, link: int) -> Any:
        """[node, output] that feeds a link, the value of a primitive node, or None where a muted node cuts it."""
        identity, slot = self.origins[link]
        node = self.nodes.get(identity)
        if node is None or node.get("mode") == MUTED:
            return None
        if node["type"] == "PrimitiveNode":
            return node["widgets_values"][0]
        if node["type"] != "Reroute" and node.get("mode") != BYPASSED:
            return [identity, slot]
        sockets = node.get("inputs") or []
        if (
            node["type"] != "Reroute"
        ):  # the input of the same type that the editor takes: that in the same place, or the first
            kind = node["outputs"][slot]["type"]
            same = sockets[slot : slot + 1] + sockets
            sockets = [socket for socket in same if socket["type"] == kind and socket.get("link") is not None]
        if not sockets or sockets[0].get("link") is None:
            return None
        return self._source(sockets[0]["link"])


def _widget_values(node: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    saved = node.get("widgets_values") or []
    if isinstance(saved, dict):
        return dict(saved)
    values, rest = {}, list(saved)
    for name, spec in _specs(definition).items():
        kind, _, options = _kind(spec)
        if not rest or kind not in SHOWN_KINDS or options.get("forceInput"):
            continue
        values[name] = rest.pop(0)
        controlled = options.get("control_after_generate") or name in ("seed", "noise_seed")
        if controlled and rest and rest[0] in CONTROLS:
            rest.pop(0)
    return values


def _specs(definition: Mapping[str, Any]) -> dict[str, Any]:
    groups = definition["input"]
    return {**(groups.get("required") or {}), **(groups.get("optional") or {})}


def _kind(spec: Any) -> tuple[str, list[Any], Mapping[str, Any]]:
    options = spec[1] if len(spec) > 1 and isinstance(spec[1], Mapping) else {}
    if isinstance(spec[0], list):  # how older nodes say COMBO
        return "COMBO", spec[0], options
    return str(spec[0]), list(options.get("options") or []), options


def _definition(definitions: Definitions, kind: str, name: str) -> Mapping[str, Any]:
    if kind not in definitions:
        raise SettingsError(f"{name} uses the node {kind}, which the server does not have. Install its pack there.")
    definition = definitions[kind]
    if not _is_definition(definition):
        raise SettingsError(
            f"The server describes the node {kind} in a way that no ComfyUI does. Update its pack there."
        )
    return definition


def _is_definition(definition: Any) -> bool:
    groups = definition.get("input") if isinstance(definition, dict) else None
    if not isinstance(groups, dict):
        return False
    named = [groups.get("required") or {}, groups.get("optional") or {}]
    if not all(isinstance(group, dict) for group in named):
        return False
    specs = [spec for group in named for spec in group.values()]
    # A pack that writes ("MASK") and means ("MASK",) gives a plain string, and runs.
    if not all(isinstance(spec, (list, str)) and spec and isinstance(spec[0], (str, list)) for spec in specs):
        return False
    options = [spec[1] for spec in specs if len(spec) > 1 and isinstance(spec[1], dict)]
    return all(isinstance(one.get("options") or [], list) for one in options)


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _read(path: Path) -> dict[str, Any]:
    try:
        saved = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Give a workflow saved by ComfyUI.") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path.name} is no JSON ({error}). Give a workflow saved by ComfyUI.") from error
    if not isinstance(saved, dict):
        raise SettingsError(f"{path.name} holds a {type(saved).__name__}; expected a workflow saved by ComfyUI.")
    return saved


def _api_prompt(saved: Mapping[str, Any], name: str) -> Prompt:
    nodes = saved.get("prompt", saved)
    if (
        not isinstance(nodes, dict)
        or not nodes
        or not all(
            isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
            for node in nodes.values()
        )
    ):
        raise SettingsError(
            f"{name} is no workflow: neither `nodes` as the editor saves them nor the API's `class_type`."
        )
    return nodes
