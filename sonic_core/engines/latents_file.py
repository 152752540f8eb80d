"""Latents on disk: what sampling took long to make outlives a failure in decoding."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import OutputError, SettingsError
from .base import Conditioning, Latents


def save_latents(latents: Latents, path: Path, made_from: str = "") -> None:
    """Write latents to a `.safetensors` file; a half-written file never bears its name.  Raises OutputError.

    made_from: whatever tells picture, recording and settings from others, for `load_latents` to compare.
    """
    pending = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"engine": latents.engine, "fps": repr(latents.fps), "made_from": made_from}
        save_file({"samples": latents.samples.contiguous()}, pending, metadata)
        os.replace(pending, path)
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"latents cannot be written to {path} ({error}); free space there or name another file."
        ) from error
    finally:
        with suppress(OSError):
            pending.unlink()


def load_latents(path: Path, conditioning: Conditioning, made_from: str = "") -> Latents:
    """Latents of the clip that `conditioning` describes.  Raises SettingsError for those of another engine, length or origin.

    made_from: what `save_latents` must have been told; empty = not compared.
    """
    try:
        with safe_open(path, framework="pt") as file:
            samples, metadata = file.get_tensor("samples"), file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise SettingsError(f"{path} holds no latents ({error}); sample again.") from error
    latents = Latents(samples, float(metadata.get("fps", 0)), metadata.get("engine", "unknown"))
    seconds = len(samples) / latents.fps if latents.fps else 0.0
    expected = conditioning.frame_count / conditioning.fps
    if latents.engine != conditioning.engine or abs(seconds - expected) > 1 / latents.fps:
        raise SettingsError(
            f"{path} holds {seconds:.2f} s of the engine {latents.engine}; this clip is {expected:.2f} s of {conditioning.engine}. "
            "Use the picture, the recording and the settings that the latents were made with, or sample again."
        )
    if made_from and metadata.get("made_from") != made_from:
        raise SettingsError(
            f"{path} was made from another picture, recording, mask or other settings than those given now. "
            "Use the same ones again, or sample again."
        )
    return latents
