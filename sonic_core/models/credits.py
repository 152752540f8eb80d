"""Which models an engine uses and under which licences: what a finished file names."""

from __future__ import annotations

from ..media.provenance import Credit
from .manifest import SONIC_FILES

FACE_NETWORKS = Credit("MediaPipe BlazeFace, Face Mesh and Iris", "Apache-2.0")
CREDITS = {
    "lite": (
        FACE_NETWORKS,
        Credit("Whisper tiny.en encoder, as it is or as a Wav2Vec2", "MIT"),
        Credit("sonic-portrait lip reader and motion denoiser", "Apache-2.0"),
    ),
    "sonic": (
        FACE_NETWORKS,
        *(Credit(f"{file.source.repository}: {file.key}", file.licence) for file in SONIC_FILES),
    ),
}


def credits_of(engine: str) -> tuple[Credit, ...]:
    """The models of the engine called `engine`; empty for one that is not listed here."""
    return CREDITS.get(engine, ())
