"""The networks of the lite engine as .onnx files, those that read the picture among them: all that `runtime` onnx needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...hearing.encoder_choice import ENCODER_SPECS
from ...hearing.lip_reader import LIP_READER_SPEC
from ...portrait.networks import FACE_SPECS
from ...progress import Progress, ignore
from ...runtime.onnx_export import Exported, export_network
from .motion import DENOISER_SPEC

SPECS = (*FACE_SPECS, *ENCODER_SPECS.values(), LIP_READER_SPEC, DENOISER_SPEC)


def export_onnx(folder: Path, options: Mapping[str, Any], progress: Progress = ignore) -> list[Exported]:
    """Write every network into `folder`; the engine's options change nothing about them.  Raises OutputError, SettingsError."""
    exported = []
    for done, spec in enumerate(SPECS):
        progress("exporting", done, len(SPECS))
        exported.append(export_network(spec, folder))
    progress("exporting", len(SPECS), len(SPECS))
    return exported
