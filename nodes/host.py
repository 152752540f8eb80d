"""The one place that knows ComfyUI: its schema keywords, folders, language, progress bar and video type."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
from comfy.cli_args import args
from comfy_api.latest import ComfyExtension, io
from numpy.typing import NDArray
from PIL import Image

from ..sonic_core.errors import ModelMissingError, OutputError, SettingsError
from ..sonic_core.words.catalogue import known, system_language, translated
from .progress import Part, WholeNodeProgress
from .star_names import files_like

__all__ = ["ComfyExtension", "io"]

SonicModel = io.Custom("SONIC_MODEL")
SonicPredata = io.Custom("SONIC_PORTRAIT_PREDATA")  # another Sonic pack has SONIC_PREDATA, of other things

PACK = Path(__file__).parents[1]
MODEL_FOLDER = "sonic"  # the key and folder that users of the other Sonic pack have already
PROGRESS_STEPS = 1000
LANGUAGE_SETTING = "sonic-portrait.language"  # what the editor speaks when it follows the browser and has saved nothing

AnyInput = TypeVar("AnyInput", bound=io.Input)


# Schemas


def newer_keywords(**keywords: Any) -> dict[str, Any]:
    """Those `io.Schema` keywords that this ComfyUI knows; an unknown one would lose the whole pack."""
    known = {field.name for field in fields(io.Schema)}
    return {name: value for name, value in keywords.items() if name in known}


def advanced(item: AnyInput) -> AnyInput:
    """Fold a rarely used input away, also where `Input` has no keyword for it yet."""
    item.extra_dict = {**item.extra_dict, "advanced": True}
    return item


def wire_only(item: AnyInput) -> AnyInput:
    """No widget for it, also in editors that have one for its type."""
    item.extra_dict = {**(item.extra_dict or {}), "forceInput": True}
    return item


# Files


def register_model_folder() -> None:
    """Make `models/sonic` known beside what extra_model_paths.yaml names; creates nothing."""
    folder_paths.add_model_folder_path(MODEL_FOLDER, os.path.join(folder_paths.models_dir, MODEL_FOLDER))


def models_folder() -> Path:
    """Where ComfyUI keeps models unless told otherwise."""
    return Path(folder_paths.models_dir)


def model_files(folder: str) -> list[str]:
    """Names of the model files under a key of ComfyUI's model folders."""
    endings = tuple(folder_paths.supported_pt_extensions)
    return [name for name in folder_paths.get_filename_list(folder) if name.lower().endswith(endings)]


def chosen_model(folder: str, name: str) -> Path:
    """Where a name of `model_files` lies."""
    path = folder_paths.get_full_path(folder, name)
    if path is None:
        raise ModelMissingError(
            f"{name} is no longer in ComfyUI's {folder} folder. Choose another file, or refresh the page."
        )
    return Path(path)


def folders_of(key: str) -> list[Path]:
    """Those registered for a key of ComfyUI's model folders, none for a key that it does not know."""
    return (
        [Path(folder) for folder in folder_paths.get_folder_paths(key)]
        if key in folder_paths.folder_names_and_paths
        else []
    )


def model_path(place: str) -> Path | None:
    """A file or folder such as `sonic/unet.pth` in any of the folders registered for its first part, or None."""
    key, _, rest = place.partition("/")
    folders = folders_of(key) if rest else []
    return next((path for folder in folders if (path := folder / rest).exists()), None)


def model_place(place: str) -> Path:
    """Where a download such as `sonic/unet.pth` goes: into the first folder registered for its first part."""
    key, _, rest = place.partition("/")
    folders = folders_of(key) if rest else []
    return folders[0] / rest if folders else models_folder() / place


def torch_device() -> str:
    """The device that ComfyUI computes on, by --cpu, --cuda-device and what there is."""
    return str(comfy.model_management.get_torch_device())


def reserved_gib() -> float:
    """GiB of the device's memory that ComfyUI keeps free for others (--reserve-vram)."""
    reserved = getattr(comfy.model_management, "extra_reserved_memory", lambda: 0)
    return reserved() / 2**30


def make_room(wanted: float) -> None:
    """Let ComfyUI take as many of its own models off the device as `wanted` bytes need; it brings them back when it needs them."""
    comfy.model_management.free_memory(wanted, comfy.model_management.get_torch_device())
    comfy.model_management.soft_empty_cache()


def sound_files() -> list[str]:
    """Recordings and videos in ComfyUI's input folder."""
    folder = folder_paths.get_input_directory()
    names = os.listdir(folder) if os.path.isdir(folder) else []
    files = [name for name in names if os.path.isfile(os.path.join(folder, name))]
    return sorted(folder_paths.filter_files_content_types(files, ["audio", "video"]))


def input_files_like(pattern: str) -> list[str]:
    """Recordings and videos of the input folder by a name with stars (star_names.py).  Raises SettingsError where there are none."""
    folder = Path(folder_paths.get_input_directory()).resolve()
    sounding = folder_paths.filter_files_content_types(files_like(folder, pattern), ["audio", "video"])
    if not sounding:
        raise SettingsError(f"{pattern} matches no recording in ComfyUI's {folder.name} folder.")
    return list(sounding)


def input_path(name: str) -> Path:
    """Where an uploaded file lies; SettingsError for names that lead out of ComfyUI's folders or to nothing."""
    if not name:
        raise SettingsError("No file is chosen. Pick one from the list or upload it with the button on the node.")
    _, folder = folder_paths.annotated_filepath(name)
    folder = Path(folder or folder_paths.get_input_directory()).resolve()
    try:
        path = Path(folder_paths.get_annotated_filepath(name)).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long for a name, a zero byte in it, links in a circle
        path, is_file = folder, False
    if not path.is_relative_to(folder):
        raise SettingsError(f"{name} lies outside ComfyUI's {folder.name} folder. Upload the file instead.")
    if not is_file:
        raise SettingsError(f"{name} is not in ComfyUI's {folder.name} folder. Pick or upload another file.")
    return path


def file_fingerprint(name: str) -> str:
    """Changes when the file changes; the file itself need not be read."""
    stat = input_path(name).stat()
    return f"{name} {stat.st_size} {stat.st_mtime_ns}"


@dataclass(frozen=True)
class OutputPlace:
    """A free name in the output folder and the subfolder it lies in."""

    path: Path
    subfolder: str


def output_place(prefix: str, width: int, height: int, suffix: str = ".mp4") -> OutputPlace:
    """The next numbered name for `prefix`, with ComfyUI's %date% style tokens; OutputError if it leaves the output folder."""
    root = Path(folder_paths.get_output_directory()).resolve()
    if not prefix.strip() or not (root / prefix).resolve().is_relative_to(root):
        raise OutputError(
            f"filename_prefix is {prefix!r}; expected a name inside ComfyUI's output folder, such as sonic/talking."
        )
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, str(root), width, height)
    return OutputPlace(Path(folder) / f"{name}_{counter:05}_{suffix}", subfolder)


def workflow_tags(hidden: Any) -> dict[str, str]:
    """The graph as mp4 tags, so that dropping the file on the canvas brings it back; empty under --disable-metadata."""
    if hidden is None or args.disable_metadata:
        return {}
    graph = {"prompt": hidden.prompt, **(hidden.extra_pnginfo or {})}
    return {name: json.dumps(value) for name, value in graph.items() if value is not None}


# Language and media


def language() -> str:
    """Of the editor, as its settings say on this server; else of the system."""
    folder = Path(folder_paths.get_user_directory())
    saved = folder / "default" / "comfy.settings.json"
    try:
        settings = json.loads(saved.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        settings = {}
    named = [settings.get(key) for key in (LANGUAGE_SETTING, "Comfy.Locale")] if isinstance(settings, dict) else []
    return next((known(name) for name in named if isinstance(name, str) and name), system_language())


def temporary_file(suffix: str) -> Path:
    """A new name in ComfyUI's temporary folder."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"sonic_{uuid.uuid4().hex[:12]}{suffix}"


def video_from_file(path: Path) -> Any:
    """A VIDEO for other nodes; the bare path where the host has no video type."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path)) if hasattr(InputImpl, "VideoFromFile") else path


# Progress


def progress(
    stages: Mapping[str, float], preview: bool = False, words: bool = False, part: Part | None = None
) -> WholeNodeProgress:
    """Progress over the whole work of a node; every report is a place where Cancel takes effect.

    stages: the stages that report and their share of the time.  preview: show pictures of the state on the node.  words: tell stage,
    count and time left on the node.  part: which of several clips this is.
    """
    bar = comfy.utils.ProgressBar(PROGRESS_STEPS)

    def show(share: float, picture: NDArray[np.uint8] | None) -> None:
        shown = ("JPEG", Image.fromarray(picture), None) if picture is not None else None
        bar.update_absolute(round(share * PROGRESS_STEPS), PROGRESS_STEPS, shown)

    tell = _progress_text() if words else None
    return WholeNodeProgress(
        stages, show, comfy.model_management.throw_exception_if_processing_interrupted, preview, tell, part
    )


def _progress_text() -> Callable[[str], None] | None:
    """What writes a line on the node that is running; None where the host has no such line."""
    try:
        from comfy_execution.utils import get_executing_context
        from server import PromptServer
    except ImportError:
        return None
    context, server = get_executing_context(), getattr(PromptServer, "instance", None)
    if context is None or server is None or not hasattr(server, "send_progress_text"):
        return None
    spoken = language()
    return lambda text: server.send_progress_text(translated(text, spoken), context.node_id)
