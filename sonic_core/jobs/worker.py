"""Worker: a process that makes clips one after another, with its engine loaded once; started and stopped by batch.py.

It reads what to do from the first line of stdin and stops when stdin ends: that is how it learns of a batch that was killed.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.declaration import DEVICE, RUNTIME
from ..errors import (
    AudioError,
    DurationMismatchError,
    ModelMissingError,
    OutputError,
    PortraitError,
    SettingsError,
    SonicError,
)
from ..job_json import job_from_values
from ..threads import SHARE, one_thread
from .ledger import BEAT, Entry, Ledger
from .places import is_full, remove
from .store import WAIT_FOR_ROOM

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..job import Job
    from ..pipeline import Loaded
    from ..progress import Preview

IDLE = 0.2  # s between two looks for a waiting clip
PORTRAITS_KEPT = 8
THUMBNAIL, THUMBNAIL_QUALITY = 120, 60  # px of the longer side; JPEG
FINAL = (AudioError, DurationMismatchError, ModelMissingError, PortraitError, SettingsError)
"""Errors that another try would meet again."""


@dataclass(frozen=True)
class Task:
    """What a worker is told.  folder: of the output.  run: whose clips.  tries: for each.  threads: its share.  measure: judge each clip.

    stop_after: failures, 0 = never.  device: for engines that have the choice, "" = the job's.
    """

    folder: str
    run: str
    tries: int = 2
    threads: int = 1
    measure: bool = True
    stop_after: int = 0
    device: str = ""


class StoppedError(Exception):
    """The batch wants the clip in work dropped."""


class Bench:
    """What clips share: engines by name and options, the last portraits."""

    def __init__(self, device: str = "") -> None:
        self.device = device
        self.engines: dict[str, Engine] = {}
        self.portraits: OrderedDict[str, Any] = OrderedDict()

    def placed(self, job: Job) -> Job:
        """The job on this worker's device, where its engine has that choice."""
        if not self.device or not job.declaration.option(DEVICE):
            return job
        return replace(job, options={**job.options, DEVICE: self.device})

    def load(self, job: Job) -> Loaded:
        """As `pipeline.load`, each engine once and each portrait seldom more than once."""
        from ..audio.loading import load_audio
        from ..engines.registry import load_engine
        from ..pipeline import Loaded, portrait_for

        name = repr((job.engine, sorted(job.options.items(), key=str)))
        if name not in self.engines:
            self.engines[name] = load_engine(job.engine, **job.options)
        picture = Path(str(job.picture))
        status = picture.stat()
        choices = job.face, job.settings.face_index, job.picture_frame, job.options.get(RUNTIME)
        face = repr((picture, status.st_size, status.st_mtime_ns, choices))
        if face not in self.portraits:
            self.portraits[face] = portrait_for(job)
            if len(self.portraits) > PORTRAITS_KEPT:
                self.portraits.popitem(last=False)
        portrait, mask = self.portraits[face]
        return Loaded(
            self.engines[name], portrait, load_audio(Path(str(job.recording)), trim_silence=job.trim_silence), mask
        )


class Worker:
    """Claims, makes, measures and finishes clips until it is stopped."""

    def __init__(self, task: Task, stopped: threading.Event) -> None:
        self.task, self.stopped = task, stopped
        self.ledger = Ledger(Path(task.folder))
        self.owner = self.ledger.enlist()
        self.place = self.ledger.work_folder(self.owner)
        self.bench = Bench(task.device)
        self.warnings = Warnings()
        self.thumbnail = ""
        logging.getLogger(__package__.partition(".")[0]).addHandler(self.warnings)

    def run(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            while not self.stopped.is_set():
                clip = self.ledger.claim(self.task.run, self.owner, self.task.stop_after)
                if clip is None:
                    self.stopped.wait(IDLE)
                else:
                    self._make(clip)
        except StoppedError:
            pass
        finally:
            self.ledger.give_back(self.owner)

    def _make(self, clip: Entry) -> None:
        begin = time.monotonic()
        while True:
            try:
                complete, figures = self._made(clip)
                self.ledger.finish(clip, self.owner, complete, figures, round(time.monotonic() - begin, 3))
                return
            except (
                SonicError,
                OSError,
                RuntimeError,
                ValueError,
                ArithmeticError,
                LookupError,
                TypeError,
                MemoryError,
            ) as error:
                remove(self.place)
                if is_full(error) and time.monotonic() - begin < WAIT_FOR_ROOM:
                    self._check_stop()
                    self.stopped.wait(2.0)  # somebody may be making room
                    continue
                again = not isinstance(error, FINAL) and clip.attempts < self.task.tries
                text = str(error) if isinstance(error, SonicError) else f"{type(error).__name__}: {error}"
                self.ledger.fail(clip, self.owner, text, again)
                return

    def _made(self, clip: Entry) -> tuple[Path, dict[str, Any]]:
        from ..media.probe import probe
        from ..pipeline import generate

        remove(self.place)
        self.place.mkdir(parents=True)
        self.warnings.texts, self.thumbnail = [], ""
        job = self.bench.placed(job_from_values(json.loads(clip.job)))
        name = Path(str(job.output)).name
        job = replace(job, output=self.place / name, overwrite=True)
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
        if self.task.measure:
            figures["quality"] = self._measured(made.path)
        figures["warnings"] = self.warnings.texts
        return made.path, figures

    def _measured(self, path: Path) -> dict[str, Any]:
        from ..judging.clip_quality import measure_file
        from ..judging.report_figures import as_dict

        with one_thread():
            return as_dict(measure_file(path, self._progress))

    def _progress(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        self._check_stop()
        if stage == "encoding" and preview is not None and done == max(1, total // 2) and not self.thumbnail:
            self.thumbnail = _thumbnail(preview)

    def _check_stop(self) -> None:
        if self.stopped.is_set():
            raise StoppedError

    def _beat(self) -> None:
        ledger = Ledger(Path(self.task.folder))
        while not self.stopped.wait(BEAT):
            with suppress(OutputError):
                ledger.beat(self.owner)
        ledger.close()


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


def trial(values: Mapping[str, Any], folder: Path, seconds: float) -> dict[str, float]:
    """Make the first seconds of a clip in `folder` and say what a second of video costs: {"seconds", "bytes"} per second of it."""
    from ..pipeline import generate

    job = job_from_values(values)
    bench = Bench()
    loaded = bench.load(job)
    length = min(seconds, loaded.audio.duration)
    settings = replace(job.settings, duration=length, length_policy="trim")
    job = replace(job, settings=settings, output=folder / Path(str(job.output)).name, overwrite=True)
    begin = time.perf_counter()
    made = generate(job, loaded)
    taken = time.perf_counter() - begin
    files = made.path.rglob("*") if made.path.is_dir() else [made.path]
    return {"seconds": taken / made.duration, "bytes": sum(file.stat().st_size for file in files) / made.duration}


def _watch(stopped: threading.Event) -> None:
    """Wait until whoever started this process ends or wants it to."""
    while os.read(0, 4096):
        pass
    stopped.set()


def main() -> None:
    from ..cli import prepare_process

    prepare_process()
    told = json.loads(_line())
    threads = told.get("threads", 1)
    for name in (SHARE, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    import cv2

    cv2.setNumThreads(threads)  # torch, where it is used, reads the environment
    if "trial" in told:
        print(json.dumps(trial(told["trial"], Path(told["folder"]), told["seconds"])))  # noqa: T201 - the answer
        return
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stopped,), daemon=True).start()
    Worker(Task(**told), stopped).run()


def _line() -> bytes:
    """The first line of stdin, unbuffered: what follows is `_watch`'s."""
    line = b""
    while not line.endswith(b"\n") and (sign := os.read(0, 1)):
        line += sign
    return line


if __name__ == "__main__":
    main()
    sys.stdout.flush()
