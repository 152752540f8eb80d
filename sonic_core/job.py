"""A job: all that one clip is made from, as paths and values.  CLI, nodes, batch, live and provenance build or read the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .background import background_of
from .between.interpolators import INTERPOLATORS, check_fps, check_interpolator
from .engines.base import Origin
from .engines.declaration import Declaration
from .engines.registry import DEFAULT_ENGINE, credits_of, declaration
from .errors import SettingsError
from .media.encoding import Encoding
from .media.labels import Labels
from .media.provenance import Provenance
from .paths import checked_path
from .settings import Settings
from .smoothing.choice import Smoothing


@dataclass(frozen=True)
class FaceChoice:
    """Where the face is when the user knows better than the detector.

    box: x, y, width, height in pixels of the picture.  mask: a picture, white where speech may act.  whole_image: a picture in which no
    face is found speaks as a whole, with a warning.
    """

    box: tuple[float, float, float, float] | None = None
    mask: Path | None = None
    whole_image: bool = False

    def __post_init__(self) -> None:
        if self.box is not None and self.mask is not None:
            raise SettingsError("A face box and a mask are given; both say where the face is. Leave one out.")

    @property
    def given(self) -> bool:
        """Whether anything is chosen."""
        return self.box is not None or self.mask is not None or self.whole_image


@dataclass(frozen=True)
class Job:
    """One clip; checked on construction (`SettingsError`), before anything is read or loaded.

    picture, recording: files; None where whoever runs the job holds them in memory (`pipeline.Loaded`).
    output: its suffix says which kind of file; None = a job that is only estimated, or played live.
    settings: the user's choices about the clip.  engine, options: which engine, and its own choices by name.
    face: where it is, for engines that need no face mesh.  trim_silence: cut silence off both ends of the recording.
    output_fps: another frame rate than the engine's, None = its own; the number of frames is round(duration * fps).
    interpolation: how frames between an engine's frames are made.  smoothing: of the decoded frames, before others are made between them
    and labels are drawn.  labels: what marks the clip as synthetic beyond what every file says.  tags: further metadata of the file, such
    as its title.  overwrite: replace an existing output; otherwise it is kept and a numbered name used.
    picture_frame: the picture is this frame (from 0) of a video file.  background: of a picture with transparent parts (background.py).
    """

    picture: Path | None
    recording: Path | None
    output: Path | None = None
    settings: Settings = field(default_factory=Settings)
    engine: str = DEFAULT_ENGINE
    options: Mapping[str, Any] = field(default_factory=dict)
    face: FaceChoice = field(default_factory=FaceChoice)
    trim_silence: bool = False
    output_fps: float | None = None
    interpolation: str = INTERPOLATORS[0]
    smoothing: Smoothing = field(default_factory=Smoothing)
    encoding: Encoding = field(default_factory=Encoding)
    labels: Labels = field(default_factory=Labels)
    tags: Mapping[str, str] = field(default_factory=dict)
    overwrite: bool = False
    picture_frame: int | None = None
    background: str = ""

    def __post_init__(self) -> None:
        for name in ("picture", "recording", "output"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else checked_path(Path(value), name))
        object.__setattr__(self, "options", self.declaration.checked_options(self.options))
        if self.picture_frame is not None and self.picture_frame < 0:
            raise SettingsError(
                f"picture_frame is {self.picture_frame}; expected 0 (the first frame of a video) or more."
            )
        background_of(self.background)
        check_interpolator(self.interpolation)
        if self.output_fps is not None:
            check_fps(self.output_fps)
        if self.face.given and self.declaration.needs_mesh:
            raise SettingsError(
                f"The {self.engine} engine finds the face itself; a face box, a mask and the whole picture are for engines that need "
                "no face mesh. Leave them out, or choose another engine."
            )
        if self.face.mask is not None and not self.declaration.takes_mask:
            raise SettingsError(f"The {self.engine} engine takes no mask. Give a face box, or choose another engine.")

    @property
    def declaration(self) -> Declaration:
        """What its engine says about itself."""
        return declaration(self.engine)

    def provenance(self, origin: Origin) -> Provenance:
        """What the finished file says about its making; origin: of the picture and the recording that were used."""
        return provenance_of(self.engine, asdict(self.settings), origin, self.labels, self.output_fps, self.smoothing)


def provenance_of(
    engine: str,
    settings: Mapping[str, Any],
    origin: Origin,
    labels: Labels | None = None,
    output_fps: float | None = None,
    smoothing: Smoothing | None = None,
) -> Provenance:
    """The one place where provenance is put together, from as much as is known: settings by name, "" or an empty mapping = nothing."""
    labels, smoothing = labels or Labels(), smoothing or Smoothing()
    return Provenance(
        labels.producer,
        engine,
        credits_of(engine),
        settings.get("seed"),
        dict(settings)
        | ({"output_fps": output_fps} if output_fps is not None else {})
        | ({"visible_label": labels.visible.span} if labels.visible else {})
        | ({"smooth": smoothing.method, "smooth_strength": smoothing.strength} if smoothing.acts else {}),
        origin.image_sha256,
        origin.audio_sha256,
    )
