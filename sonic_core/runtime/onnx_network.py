"""Exported networks: where their files are, whether they fit the package's weights, and how ONNX Runtime runs them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelMissingError, NotEnoughMemoryError, SettingsError
from ..memory_errors import NO_MEMORY, is_short_of_memory
from ..models.fingerprint import fingerprint
from ..models.locate import FOLDER_VARIABLE, models_folders
from .network import NetworkSpec

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SUBFOLDER = "onnx"
"""Of a models folder; exported files may also lie in the models folder itself."""
INSTALL = "pip install sonic-portrait[onnx]"
COMMAND = "python -m sonic_core export onnx"
WEIGHTS_KEY, GRAPH_KEY = "sonic_portrait_weights", "sonic_portrait_graph"
"""Names in a file's metadata: fingerprint of the weights that it was exported from, and FORM with `NetworkSpec.graph`."""
FORM = 2
"""Raised when older files would be wrong, so that they are refused."""


@dataclass(frozen=True)
class OnnxNetwork:
    """A session of ONNX Runtime as a `Network`."""

    session: InferenceSession
    inputs: tuple[str, ...]

    def __call__(self, *inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        named = {name: np.ascontiguousarray(x, np.float32) for name, x in zip(self.inputs, inputs, strict=True)}
        return tuple(self.session.run(None, named))


def open_exported(specs: Sequence[NetworkSpec], folders: Sequence[Path] | None = None) -> tuple[OnnxNetwork, ...]:
    """The exported files of all these networks, loaded: see `loading.open_networks`."""
    check_installed()
    searched = tuple(folders) if folders else models_folders()
    opened = {}
    faults = []
    for spec in specs:
        path = exported_file(spec, searched)
        if path is None:
            faults.append(f"{file_name(spec)} ({spec.purpose}) is missing")
            continue
        try:
            opened[spec.key] = open_file(path, spec)
        except ModelMissingError as error:
            faults.append(str(error))
    if faults:
        where = ", ".join(str(folder) for folder in searched)
        raise ModelMissingError(
            f"The onnx runtime needs exported networks: {'; '.join(faults)}. Searched in {where} and {SUBFOLDER} under each. "
            f"Make them anew from the package's weights, which takes seconds: {COMMAND}"
        )
    return tuple(opened[spec.key] for spec in specs)


def open_file(path: Path, spec: NetworkSpec) -> OnnxNetwork:
    """One exported file.  Raises ModelMissingError where it cannot be read or was made from other weights than the package's."""
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    # Small networks gain nothing from more threads, and waiting ones would cost other programs their time (threads.py).
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # what it says about dynamic shapes is no news
    # `export onnx` has simplified the graph; what would be left to gain costs more at every start than it saves in a clip.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        told = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # its own kinds, which share no base
        if is_short_of_memory(error):
            raise NotEnoughMemoryError(NO_MEMORY) from error
        why = " ".join(str(error).split())[:200]
        raise ModelMissingError(f"{path} cannot be read ({type(error).__name__}: {why})") from error
    expected = metadata(spec)
    if {name: told.get(name) for name in expected} != expected:
        raise ModelMissingError(f"{path} was exported from other weights or by another release")
    return OnnxNetwork(session, tuple(spec.inputs))


def metadata(spec: NetworkSpec) -> dict[str, str]:
    """What an exported file must say about itself."""
    return {WEIGHTS_KEY: fingerprint(spec.weights), GRAPH_KEY: f"{FORM}.{spec.graph}"}


def file_name(spec: NetworkSpec) -> str:
    return f"sonic-portrait-{spec.key}.onnx"


def exported_file(spec: NetworkSpec, folders: Sequence[Path] | None = None) -> Path | None:
    """Where the exported file is, None = nowhere; whether it fits is not looked at."""
    places = (
        place / file_name(spec) for folder in folders or models_folders() for place in (folder / SUBFOLDER, folder)
    )
    return next((path for path in places if path.is_file()), None)


def default_folder() -> Path:
    """Where exported files go when nobody says: found from wherever the program is started."""
    folders = models_folders()
    return (folders[0] if os.environ.get(FOLDER_VARIABLE) else folders[-1]) / SUBFOLDER


def onnx_runtime() -> Any:
    """The module, told to keep to itself what it opens: official builds report it to their maker, since 1.29 on Linux and macOS too."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the module is loaded
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows, and where another program has loaded it before
    return onnxruntime


def check_installed() -> None:
    """Raises SettingsError where ONNX Runtime is not installed or does not load."""
    try:
        onnx_runtime()
    except ImportError as error:
        raise SettingsError(
            f"The onnx runtime needs the package onnxruntime ({error}). Install it: {INSTALL}"
        ) from error
