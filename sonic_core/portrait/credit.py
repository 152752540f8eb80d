"""The networks that find and measure the face, which every clip names."""

from __future__ import annotations

from ..credit import Credit

FACE_NETWORKS = Credit("MediaPipe BlazeFace, Face Mesh and Iris", "Apache-2.0")
