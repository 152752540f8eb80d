"""Latents on disk: what sampling took long to make outlives a failure in decoding."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..diffusion.arrays import Array
from ..errors import OutputError, SettingsError
from ..media.pending_file import PendingFile
from .base import Conditioning, Latents

log = logging.getLogger(__name__)


def save_latents(latents: Latents, path: Path, made_from: Mapping[str, Any] | None = None) -> None:
    """Write latents to a `.safetensors` file; a half-written file never bears its name.  Raises OutputError.

    made_from: whatever tells picture, recording, settings and weights from others, by name, for `load_latents` to compare; JSON values.
    """
    told = {"engine": latents.engine, "fps": repr(latents.fps)}
    _write({"samples": latents.samples}, path, told, made_from)


def _write(
    arrays: Mapping[str, Array], path: Path, told: Mapping[str, str], made_from: Mapping[str, Any] | None
) -> None:
    pending = PendingFile(path, overwrite=True)
    try:
        metadata = {**told, "made_from": json.dumps(made_from or {})}
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, pending.temporary, metadata)
        pending.temporary.replace(path)  # or not at all: a numbered name would never be found again
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"latents cannot be written to {path} ({error}); free space there or name another file."
        ) from error
    finally:
        with suppress(OSError):
            pending.discard()


class StepFile:
    """A `StepStore` in a file, which stays until `remove`.

    made_from: see `save_latents`.  resume: go on from what is there.  required: what is there and cannot be used is a SettingsError;
    otherwise sampling begins anew and the file is replaced.
    """

    def __init__(self, path: Path, made_from: Mapping[str, Any], resume: bool, required: bool = False) -> None:
        self.path, self.made_from, self.resume, self.required = path, made_from, resume, required
        self.writable = True

    def load(self) -> dict[str, Array] | None:
        if not self.resume or not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="np") as file:
                differing = _differences(_made_from(file.metadata() or {}), self.made_from)
                state = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118 - it is no mapping
        except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
            differing, state = [str(error)], {}
        if not differing and not all(np.isfinite(value).all() for value in state.values()):
            differing = ["damaged numbers"]
        if differing and self.required:
            raise SettingsError(
                f"{self.path} holds steps that were made from something else than what is given now: {'; '.join(differing)}. "
                "Use the same again, or sample again without resume."
            )
        if differing:
            log.warning(
                "The steps kept in %s cannot be used, sampling begins anew: %s", self.path, "; ".join(differing)
            )
            return None
        return state

    def save(self, state: Mapping[str, Array]) -> None:
        if not self.writable:
            return
        try:
            _write(state, self.path, {}, self.made_from)
        except OutputError as error:
            self.writable = False
            log.warning("Finished steps are not kept, a failure from here on would lose them: %s", error)

    def remove(self) -> None:
        """To be called when what the steps led to is safe."""
        with suppress(OSError):
            self.path.unlink()


def load_latents(path: Path, conditioning: Conditioning, made_from: Mapping[str, Any] | None = None) -> Latents:
    """Latents of the clip that `conditioning` describes.  Raises SettingsError for those of another engine, length or origin.

    made_from: what `save_latents` must have been told; empty = not compared.
    """
    try:
        with safe_open(path, framework="np") as file:
            # Copied out of the file, which may be mapped: Windows removes no file that is.
            samples, metadata = file.get_tensor("samples").copy(), file.metadata() or {}
        fps = float(metadata.get("fps", "nan"))
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise SettingsError(f"{path} holds no latents ({error}); delete it and sample again.") from error
    if not (0 < fps < math.inf) or not samples.ndim or samples.dtype.kind != "f" or not np.isfinite(samples).all():
        raise SettingsError(f"{path} holds damaged latents; delete it and sample again.")
    latents = Latents(samples, fps, metadata.get("engine", "unknown"))
    seconds = len(samples) / latents.fps
    expected = conditioning.frame_count / conditioning.fps
    if latents.engine != conditioning.engine or abs(seconds - expected) > 1 / latents.fps:
        raise SettingsError(
            f"{path} holds {seconds:.2f} s of the engine {latents.engine}; this clip is {expected:.2f} s of {conditioning.engine}. "
            "Use the picture, the recording and the settings that the latents were made with, or sample again."
        )
    differing = _differences(_made_from(metadata), made_from) if made_from else []
    if differing:
        raise SettingsError(
            f"{path} was made from something else than what is given now: {'; '.join(differing)}. "
            "Use the same again, or sample again."
        )
    return latents


def _made_from(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        told = json.loads(metadata.get("made_from", ""))
    except (ValueError, RecursionError):  # an earlier release wrote a single checksum
        told = None
    return told if isinstance(told, dict) else {}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """What is not the same, in words: "another picture", "seed in settings was 0, is 1"."""
    words = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            words += _differences(old, new, f" in {name}")
        elif old != new:
            told = _is_short(old) and _is_short(new)
            words.append(f"{name}{within} was {old}, is {new}" if told else f"another {name}{within}")
    return words


def _is_short(value: Any) -> bool:
    """A setting rather than a checksum."""
    return isinstance(value, (int, float)) or (isinstance(value, str) and len(value) < 16)
