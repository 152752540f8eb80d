"""Making one clip of a plan, wherever a worker runs: engine and portraits kept between clips, what was measured told with the file."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av import FFmpegError

from ..engines.declaration import DEVICE, RUNTIME
from ..errors import AudioError, DurationMismatchError, ModelMissingError, PortraitError, SettingsError, SonicError
from ..job_json import job_from_values
from ..threads import one_thread
from .places import remove
from .remote_files import local

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..job import Job
    from ..pipeline import Loaded
    from ..progress import Preview

PORTRAITS_KEPT = 8
ENGINES_KEPT = 2
"""Engines, each with its own weights in memory, that clips may take turns with."""
THUMBNAIL, THUMBNAIL_QUALITY = 120, 60  # px of the longer side; JPEG
FINAL = (AudioError, DurationMismatchError, ModelMissingError, PortraitError, SettingsError)
"""Errors that another try would meet again."""
FAILURES = (
    SonicError,
    OSError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    MemoryError,
    FFmpegError,
)
"""What a clip may fail with; anything else is a fault of this program and ends the worker."""


class Bench:
    """What clips share: the last engines by name and options, the last portraits."""

    def __init__(self, device: str = "") -> None:
        self.device = device
        self.engines: OrderedDict[str, Engine] = OrderedDict()
        self.portraits: OrderedDict[str, Any] = OrderedDict()

    def placed(self, job: Job) -> Job:
        """The job on this worker's device, where its engine has that choice."""
        if not self.device or not job.declaration.option(DEVICE):
            return job
        return replace(job, options={**job.options, DEVICE: self.device})

    def load(self, job: Job) -> Loaded:
        """As `pipeline.load`, engines and portraits seldom more than once."""
        from ..audio.loading import load_audio
        from ..pipeline import Loaded, portrait_for

        engine = self._engine(job)
        picture = Path(str(job.picture))
        status = picture.stat()
        choices = job.face, job.settings.face_index, job.picture_frame, job.options.get(RUNTIME)
        face = repr((picture, status.st_size, status.st_mtime_ns, choices))
        if face not in self.portraits:
            self.portraits[face] = portrait_for(job)
            if len(self.portraits) > PORTRAITS_KEPT:
                self.portraits.popitem(last=False)
        portrait, mask = self.portraits[face]
        return Loaded(engine, portrait, load_audio(Path(str(job.recording)), trim_silence=job.trim_silence), mask)

    def _engine(self, job: Job) -> Engine:
        """Loaded already, or instead of the one that was not used for longest."""
        from ..engines.registry import load_engine

        name = repr((job.engine, sorted(job.options.items(), key=str)))
        if name not in self.engines:
            while len(self.engines) >= ENGINES_KEPT:
                self.engines.popitem(last=False)[1].rest()
            self.engines[name] = load_engine(job.engine, **job.options)
        self.engines.move_to_end(name)
        return self.engines[name]


class Maker:
    """Makes clips one after another.  measure: judge each.  check: is called all the time, and raises to drop the clip."""

    def __init__(self, measure: bool, device: str = "", check: Callable[[], None] = lambda: None) -> None:
        self.measure, self.check = measure, check
        self.bench = Bench(device)
        self.warnings = Warnings()
        self.thumbnail = ""
        logging.getLogger(__package__.partition(".")[0]).addHandler(self.warnings)

    def make(self, text: str, place: Path) -> tuple[Path, dict[str, Any]]:
        """The complete file of a job (JSON text) in `place`, an empty folder afterwards but for it, and its figures."""
        from ..media.probe import probe
        from ..pipeline import generate

        remove(place)
        place.mkdir(parents=True)
        self.warnings.texts, self.thumbnail = [], ""
        job = self.bench.placed(job_from_values(local(json.loads(text))))
        name = Path(str(job.output)).name
        job = replace(job, output=place / name, overwrite=True)
        made = generate(job, self.bench.load(job), self._progress)
        video = probe(made.path)
        figures: dict[str, Any] = {
            "duration": round(made.duration, 3),
            "frames": made.frames,
            "width": video.width,
            "height": video.height,
            "bytes": video.size_bytes,
            "notes": list(made.notes),
            "thumbnail": self.thumbnail,
        }
        if self.measure:
            figures["quality"] = self._measured(made.path)
        figures["warnings"] = self.warnings.texts
        return made.path, figures

    def _measured(self, path: Path) -> dict[str, Any]:
        from ..judging.clip_quality import measure_file
        from ..judging.report_figures import as_dict

        with one_thread():
            return as_dict(measure_file(path, self._progress))

    def _progress(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        self.check()
        if stage == "encoding" and preview is not None and done == max(1, total // 2) and not self.thumbnail:
            self.thumbnail = _thumbnail(preview)


class Warnings(logging.Handler):
    """The warnings of a clip, each once, for its line in the report."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self.texts:
            self.texts.append(text)


def _thumbnail(preview: Preview) -> str:
    """A small JPEG of the frame, base64."""
    from PIL import Image

    picture = Image.fromarray(preview())
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=THUMBNAIL_QUALITY)
    return base64.b64encode(content.getvalue()).decode()


def reason_of(error: BaseException) -> str:
    """Why a clip failed, in a line."""
    return str(error) if isinstance(error, SonicError) else f"{type(error).__name__}: {error}"
