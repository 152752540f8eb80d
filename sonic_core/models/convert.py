"""Published pickles to safetensors: load faster, take half the space if asked, and can hold nothing but tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from ..errors import OutputError
from ..media.pending_file import PendingFile
from ..progress import Progress, ignore
from .locate import locate, models_folders
from .manifest import ModelFile
from .weights import read_weights

PICKLES = (".pth", ".pt", ".pkl", ".bin")


def convert_file(source: Path, target: Path, half: bool = False) -> Path:
    """Write the tensors of `source` to `target` (.safetensors); a half-written file never bears the target's name.

    half: floating-point tensors in fp16.
    Raises ModelMissingError for a source that is no table of tensors, OutputError when writing fails.
    """
    weights = read_weights(source)
    tensors = {k: (v.half() if half and v.is_floating_point() else v).clone().contiguous() for k, v in weights.items()}
    pending = PendingFile(target, overwrite=True)
    try:
        save_file(tensors, pending.temporary, metadata={"format": "pt"})
        return pending.publish()
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{target} cannot be written ({error}); free space there or choose another folder."
        ) from error
    finally:
        pending.discard()


def convert_found(
    files: Sequence[ModelFile], folders: Sequence[Path] | None = None, half: bool = False, progress: Progress = ignore
) -> list[tuple[Path, Path]]:
    """Write a `.safetensors` beside every pickle of `files` that is found and has none; returns source and target of each."""
    paths, _ = locate(tuple(files), tuple(folders or models_folders()))
    pickles = [path for path in paths.values() if path.suffix in PICKLES]
    done = []
    for i, source in enumerate(pickles):
        progress("converting", i, len(pickles))
        done.append((source, convert_file(source, source.with_suffix(".safetensors"), half)))
    progress("converting", len(pickles), len(pickles))
    return done
