"""From a PyTorch network to an .onnx file that is kept only when ONNX Runtime computes the same with it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import warnings
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, SettingsError
from .network import NetworkSpec, Shape
from .onnx_network import INSTALL, check_installed, file_name, metadata, onnx_runtime, open_file
from .torch_network import TorchNetwork

OPSET = 17
"""Version of ONNX's operators; ONNX Runtime reads it from release 1.14 on."""
LARGEST = 1_900_000_000
"""Bytes of weights up to which a network is simplified; a file that holds them must be below 2 GiB for it."""
LARGEST_INSIDE = 8_000_000
"""Bytes of weights that still go into the .onnx file itself; others lie beside it in a file `.onnx.data`, which is mapped into memory and
not read and copied twice: 0.15 in place of 0.20 s until an encoder has run once, and 20 MB less."""
BESIDE = ".onnx.data"
TOLERANCE = 1e-4
"""Largest difference that a kept file may have from PyTorch, relative to the output's largest value where that is above 1."""


@dataclass(frozen=True)
class Exported:
    """path: of the file; large weights are in one beside it, see `_save`.  difference: from PyTorch, as TOLERANCE counts it.

    bytes: of both.
    """

    path: Path
    difference: float
    bytes: int


def export_network(spec: NetworkSpec, folder: Path) -> Exported:
    """Write the network into `folder` (see `onnx_network.file_name`) in place of an earlier file.

    Raises OutputError where the file cannot be written or computes something else than PyTorch; then nothing is kept.
    """
    check_can_export()
    import onnx
    import torch

    module = spec.make()
    examples = tuple(map(torch.from_numpy, spec.example_inputs(spec.tried_at[0])))
    shapes = {**spec.inputs, **spec.outputs}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pending = tempfile.TemporaryDirectory(prefix=".export-", dir=folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error}). Choose another folder.") from error
    try:
        with pending:
            path = Path(pending.name) / file_name(spec)
            traced = Path(
                pending.name, "traced", path.name
            )  # with a file per large weight beside it where it is too large
            traced.parent.mkdir()
            with (
                warnings.catch_warnings(),
                redirect_stdout(io.StringIO()),
                torch.no_grad(),
            ):  # it prints whole graphs when it fails
                warnings.simplefilter("ignore")  # the tracer's, about what `tried_at` tries
                torch.onnx.export(
                    module,
                    examples,
                    str(traced),
                    input_names=list(spec.inputs),
                    output_names=list(spec.outputs),
                    dynamic_axes={name: _named_axes(shape) for name, shape in shapes.items() if _named_axes(shape)},
                    opset_version=OPSET,
                    dynamo=False,  # the other exporter takes 40 times as long here and needs a package more
                )
            size = sum(weight.nbytes for weight in module.parameters())
            model = onnx.load(str(traced if size > LARGEST else _simplified(traced)))
            shutil.rmtree(traced.parent)
            onnx.helper.set_model_props(model, metadata(spec))
            files = _save(model, path)
            del model
            difference = largest_difference(spec, module, path)
            if not difference <= TOLERANCE:
                raise OutputError(
                    f"The exported {spec.purpose} differs from PyTorch by {difference:.1e}; at most {TOLERANCE:.0e} is allowed. "
                    "It was not kept. Update torch and onnxruntime, or go on with --runtime torch."
                )
            written = sum(file.stat().st_size for file in files)
            for file in files:
                file.chmod(0o644)
                os.replace(file, folder / file.name)
            _remove_earlier_weights(folder / path.name, files)
    except OSError as error:
        raise OutputError(f"{spec.purpose} cannot be exported to {folder} ({error}).") from error
    return Exported(folder / path.name, difference, written)


def _simplified(path: Path) -> Path:
    """The network with its constants folded and its idle nodes gone, in plain ONNX, beside it: done once and not at every start."""
    onnxruntime, simple = onnx_runtime(), path.with_suffix(".simple")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(simple)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return simple


def _save(model: Any, path: Path) -> list[Path]:
    """Write a model; its files, the .onnx file last: with large weights one beside it comes before.

    That one is named after its content, so that no file ever computes with the weights of another export, which nobody would notice.
    """
    import onnx

    weights = model.graph.initializer
    if sum(len(weight.raw_data) for weight in weights) <= LARGEST_INSIDE:
        onnx.save(model, str(path))
        return [path]
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(weight.name.encode())
        digest.update(weight.raw_data)
    data = path.with_name(f"{path.stem}.{digest.hexdigest()[:12]}{BESIDE}")
    onnx.save(model, str(path), save_as_external_data=True, location=data.name)
    return [data, path]


def _remove_earlier_weights(path: Path, kept: list[Path]) -> None:
    """Remove what earlier exports of a file have left beside it."""
    names = {file.name for file in kept}
    for earlier in (*path.parent.glob(f"{path.stem}.*{BESIDE}"), path.with_name(path.stem + BESIDE)):
        if earlier.name not in names:
            with suppress(OSError):  # absent, or Windows has it open
                earlier.unlink()


def check_can_export() -> None:
    """Raises SettingsError where a package that exporting needs is absent."""
    check_installed()
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise SettingsError(f"Exporting needs the package onnx ({error}). Install it: {INSTALL}") from error


def largest_difference(spec: NetworkSpec, module: Any, path: Path) -> float:
    """The largest difference of a file's outputs from PyTorch's at all sizes of `spec.tried_at`, as TOLERANCE counts it."""
    exported, original = open_file(path, spec), TorchNetwork(module)
    worst = 0.0
    for sizes in spec.tried_at:
        inputs = spec.example_inputs(sizes)
        for ours, theirs in zip(exported(*inputs), original(*inputs), strict=True):
            worst = max(worst, float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())))
    return worst


def _named_axes(shape: Shape) -> dict[int, str]:
    return {axis: name for axis, name in enumerate(shape) if isinstance(name, str)}
