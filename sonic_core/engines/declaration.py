"""What an engine says about itself before anything of it is loaded: all that CLI, nodes, doctor and download need to know.

Importing a declaration imports no model code, so that `--help` and a node pack's start stay quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..credit import Credit
from ..errors import SettingsError
from ..models.manifest import ModelFile
from ..settings import KIND_WORDS, Settings

EVERY_SETTING = frozenset(item.name for item in fields(Settings))
FOLDERS, CHOSEN, DEVICE, RESERVE, RUNTIME = "folders", "chosen", "device", "reserve", "runtime"
"""Options whose values the program around the engine knows: models folders, weight files by key, what torch computes on, GiB of its
memory to leave alone, and what runs the small networks, those that read the picture too."""
IN_WORDS = {FOLDERS: "for a models folder", CHOSEN: "for chosen weight files"}


@dataclass(frozen=True)
class Option:
    """A choice about an engine itself, not about a clip: a keyword of its constructor.

    default: what the constructor takes when nothing is said; None = it decides.  kind: str, int, float, bool, or for files: tuple (of
    paths) and dict (paths by key).  choices: of a str, empty = any.  help: a sentence without its engine's name.  unset: what the default
    None means, in words.  offered: the loader node shows it; rare: folded away there.
    """

    name: str
    help: str
    default: Any = None
    kind: type = str
    choices: tuple[str, ...] = ()
    unset: str = ""
    metavar: str = "NAME"
    offered: bool = True
    rare: bool = False

    @property
    def sentence(self) -> str:
        """Its help after "engine:"."""
        return self.help[0].lower() + self.help[1:]

    def checked(self, value: Any) -> Any:
        """The value as the constructor wants it: paths made of texts.  Raises SettingsError for another kind or choice."""
        if value is None:
            return None
        if self.kind is tuple and isinstance(value, (list, tuple)):
            return tuple(Path(part) for part in value)
        if self.kind is dict and isinstance(value, Mapping):
            return {str(key): Path(part) for key, part in value.items()}
        wanted = (int, float) if self.kind is float else self.kind
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.kind is not bool):
            raise SettingsError(
                f"{self.name} is {value!r}, a {type(value).__name__}; expected a {_KINDS[self.kind]}. {self.help}"
            )
        if self.choices and value not in self.choices:
            raise SettingsError(f"{self.name} is {value!r}; expected one of {', '.join(self.choices)}.")
        return value


@dataclass(frozen=True)
class FileChoice:
    """A weight file that a user may want another of: the key of the `ModelFile`, the program's models folder in which to look, and help."""

    key: str
    folder: str
    help: str


_KINDS = {
    **KIND_WORDS,
    tuple: "list of folders",
    dict: "path by key",
}


@dataclass(frozen=True)
class Declaration:
    """An engine in words and values.

    implementation: "module:Class", the module absolute or relative to this package.  summary, about, picture: what it is in two words,
    in half a sentence that begins with "it is", and how it draws.  credits: models that take part, with their licences.
    weights: files that it reads and `download` fetches, none = they are in the package.  file_choices: those of which a user may choose
    another.  packages: distributions that it needs besides the package's own.
    settings: the fields of `Settings` that act.
    default_short_side: px, where the user's `min_resolution` is 0; 0 = the picture's own size.
    cheap_trial: half a second of clip, sampled and decoded, costs little and tells how long the whole takes; otherwise the engine counts
    its cost beforehand (`Engine.expected_cost`), latents are kept until the video is complete, and a GPU is wanted.
    needs_mesh: animates a face mesh; otherwise a face box is enough.  takes_mask: speech can be kept to a part of the picture.
    draws_any_moment: `Engine.at_rate` gives latents of another frame rate, so that no frame has to be made from others.
    tells_motion: `Engine.motion_curves` says in named curves how a recording moves the face.
    draws_poses: `Engine.pose_sheet` shows what it can do with a picture, without any recording.
    streams: `Engine.stage` makes a portrait ready to perform while sound arrives (streaming.py).
    keeps_alpha: frames of a portrait with transparent parts carry its opacity; others are given it over a background.
    checker: "module:function" that says what is wrong with its files (folders -> faults by key), without loading them.
    card: "module:function" that times its parts on a device (options, progress -> a table with `as_json`), where clips take long.
    exporter: "module:function" that writes its networks as .onnx files (folder, options, progress -> [runtime.onnx_export.Exported]).
    """

    name: str
    implementation: str
    summary: str
    about: str
    picture: str
    credits: tuple[Credit, ...]
    fps: float = 25.0
    options: tuple[Option, ...] = ()
    weights: tuple[ModelFile, ...] = ()
    file_choices: tuple[FileChoice, ...] = ()
    packages: tuple[str, ...] = ()
    settings: frozenset[str] = EVERY_SETTING
    default_short_side: int = 0
    cheap_trial: bool = True
    needs_mesh: bool = True
    takes_mask: bool = False
    draws_any_moment: bool = False
    tells_motion: bool = False
    draws_poses: bool = False
    streams: bool = False
    keeps_alpha: bool = False
    checker: str = ""
    card: str = ""
    exporter: str = ""

    def option(self, name: str) -> Option | None:
        """Its option of that name, None = it has none."""
        return next((option for option in self.options if option.name == name), None)

    def checked_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options as the constructor wants them.  Raises SettingsError for unknown names, kinds and choices."""
        known = {option.name: option for option in self.options}
        unknown = [name for name in options if name not in known]
        if unknown:
            near = [match for name in unknown for match in get_close_matches(name, known, 1)]
            meant = f" Did you mean {', '.join(near)}?" if near else ""
            names = ", ".join(IN_WORDS.get(name, name) for name in unknown)
            raise SettingsError(
                f"The {self.name} engine has no option {names}; leave it out or choose another engine.{meant}"
            )
        return {name: known[name].checked(value) for name, value in options.items()}

    def without_effect(self, given: Iterable[str]) -> tuple[str, ...]:
        """Those of the settings named in `given` that do nothing here."""
        return tuple(name for name in given if name in EVERY_SETTING and name not in self.settings)
