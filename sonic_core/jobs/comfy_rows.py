"""Rows of a table as prompts of a workflow: which input each column sets, which files go to the server, and the clip's key."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import SettingsError, SonicError
from .comfy_workflow import Input, Prompt, Workflow
from .ledger import Ledger
from .output_names import VIDEOS, OutputNames, folded, stem
from .row_check import Candidate
from .sources import PICTURE, RECORDING, Sources
from .table import Row

KINDS = (*VIDEOS, ".mkv", ".jpg", ".jpeg", ".webp", ".wav", ".flac", ".mp3")
OUTPUT = "output"


class PromptChecker:
    """Checks rows one by one.  folder: of the table, where relative paths begin.  overwrite: files of others may be replaced."""

    def __init__(self, workflow: Workflow, ledger: Ledger, folder: Path, overwrite: bool) -> None:
        self.workflow, self.folder = workflow, folder
        self.names, self.sources = OutputNames(ledger, overwrite, KINDS), Sources(ledger)
        self.columns: dict[str, Input | SettingsError] = {}
        self.shared = json.dumps(workflow.prompt, sort_keys=True)

    def __call__(self, row: Row, problem: Callable[[str], None]) -> Candidate | None:
        """The row's clip; None when something is wrong, and `problem` has heard what."""
        values: list[list[Any]] = []
        files: list[list[str]] = []
        wrong = False
        for name, cell in row.values.items():
            if name == OUTPUT:
                continue
            try:
                one = self._column(name)
                value = one.read(cell)
                if one.file and value not in one.choices:
                    path = os.path.join(self.folder, os.path.expanduser(str(value)))
                    digest = self.sources(path, RECORDING if one.file == "audio" else PICTURE).digest
                    files.append([one.node, one.name, path, digest])
                else:
                    values.append([one.node, one.name, value])
            except SonicError as error:
                problem(f"row {row.number}: {error}")
                wrong = True
        if wrong:
            return None
        try:
            output, kind = self.names.checked(str(row.values.get(OUTPUT) or self._name(files, row.number)))
        except SonicError as error:
            problem(f"row {row.number}: {error}")
            return None
        made_from = json.dumps([values, [[node, name, digest] for node, name, _, digest in files], kind], default=str)
        return Candidate(
            output,
            folded(output),
            row.number,
            hashlib.sha256(f"{self.shared}\n{made_from}".encode()).hexdigest(),
            json.dumps({"values": values, "files": files}, ensure_ascii=False),
            0.0,
            0.0,
            self.names.is_a_strangers(output),
        )

    def _column(self, name: str) -> Input:
        if name not in self.columns:
            try:
                self.columns[name] = self.workflow.column(name)
            except SettingsError as error:
                self.columns[name] = error
                raise
        found = self.columns[name]
        if isinstance(found, SettingsError):
            raise found
        return found

    def _name(self, files: list[list[str]], number: int) -> str:
        return f"{'_'.join(stem(path) for _, _, path, _ in files) or f'row{number}'}.mp4"


def prompt_of(workflow: Workflow, job: Mapping[str, Any], uploaded: Mapping[str, str]) -> Prompt:
    """The prompt of a planned row.  uploaded: names on the server by path here."""
    prompt = workflow.copied()
    for node, name, value in job["values"]:
        prompt[node]["inputs"][name] = value
    for node, name, path, _ in job["files"]:
        prompt[node]["inputs"][name] = uploaded[path]
    return prompt
