"""Recording a live session: an mp4 with the tags of origin of every other, written in a thread of its own."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..engines.base import Origin
from ..errors import OutputError, SonicError
from ..frames import Frame, FrameStream
from ..job import Job
from ..media.c2pa_signing import sign
from ..media.growing import GrowingVideo
from ..media.visible_label import VisibleLabel, with_visible_label
from .core import LiveFrame
from .in_loop import ENDLESS
from .session import LiveSession

log = logging.getLogger(__name__)

LONGEST = 3600.0
"""s after which a recording ends by itself: nobody may fill the disk by forgetting it."""
LEAST_FREE = 500_000_000
"""Bytes that recordings leave free on their disk: they end by themselves before, and none is begun."""
LOOKED_AFTER = 250  # frames between looks at the disk
MOST_WAITING = 100
"""Frames for an encoder that is too slow; beyond them the picture before is repeated, and no sound is lost."""


@dataclass(frozen=True)
class Recording:
    """How and where sessions are recorded.

    job: output, encoding, labels and tags act.  digest: of the portrait.
    """

    job: Job
    digest: str

    def begin(self, session: LiveSession, done: Callable[[Path | SonicError], None]) -> Recorder:
        """Record from the next frame on.

        Raises OutputError where nothing can be written or the disk is nearly full, SettingsError for a label that does not fit.
        """
        stage, job, output = session.stage, self.job, self.job.output
        if output is None:
            raise OutputError("Recording is switched off here. Start with --record-to FOLDER.")
        labels, signing = job.labels, job.labels.signing
        shape = FrameStream(0, stage.width, stage.height, stage.fps, lambda: iter(()))
        video = GrowingVideo(
            output,
            shape,
            1,
            session.rate,
            job.encoding,
            {"title": output.stem, **job.tags, **job.provenance(Origin(self.digest)).tags()},
            finish=partial(sign, signing=signing, title=output.name) if signing else None,
        )
        # A label for the whole time is in the session's frames already.
        label = labels.visible if labels.visible and labels.visible.span == "start" else None
        try:
            if (free := _free(output.parent)) < LEAST_FREE:
                raise OutputError(
                    f"{free / 1e6:.0f} MB are free in {output.parent}; a recording is begun from {LEAST_FREE / 1e6:.0f} MB on. "
                    "Free some space or choose another folder."
                )
            return Recorder(video, shape, label, output.parent, done)
        except SonicError:
            video.discard()
            raise


class Recorder:
    """Takes frames until `finish`; then, or when it fails, `done` is called once from the recorder's thread with the file or the error.

    shape: size and rate of the frames.  label: drawn into the beginning.  folder: ends by itself where its disk is nearly full.
    """

    def __init__(
        self,
        video: GrowingVideo,
        shape: FrameStream,
        label: VisibleLabel | None,
        folder: Path,
        done: Callable[[Path | SonicError], None],
    ) -> None:
        self.repeated = 0
        self._video, self._folder, self._done = video, folder, done
        self._frames = with_visible_label(replace(shape, length=ENDLESS, start=self._pictures), label)
        self._fps, self._count, self._finished = shape.fps, 0, False
        self._waiting: queue.SimpleQueue[tuple[Frame | None, NDArray[np.float32]] | None] = queue.SimpleQueue()
        self._sound = np.zeros(0, np.float32)
        self._thread = threading.Thread(target=self._work, name="recorder")
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self._count / self._fps

    def add(self, frame: LiveFrame) -> None:
        """The next frame, with its sound; ends by itself after LONGEST."""
        if self._finished:
            return
        behind = self._waiting.qsize() > MOST_WAITING
        self.repeated += behind
        self._waiting.put((None if behind else frame.image, frame.audio))
        self._count += 1
        if self.seconds >= LONGEST:
            self.finish()

    def finish(self) -> None:
        """That was the last frame.  May be called twice."""
        if not self._finished:
            self._finished = True
            self._waiting.put(None)

    def join(self) -> None:
        """Wait until the file is there; after `finish`."""
        self._thread.join()

    def _pictures(self) -> Iterator[Frame]:
        """What waits, until the end; the sound of each is in `_sound`."""
        last: Frame | None = None
        while (got := self._waiting.get()) is not None:
            image, self._sound = got
            last = last if image is None else image
            if last is not None:  # the queue is empty at first, so that the first one is there
                yield last

    def _work(self) -> None:
        try:
            result: Path | SonicError = self._written()
        except SonicError as error:
            result = error
        except Exception as error:  # of an encoder or a signer: whoever waits is told too
            log.exception("A recording failed.")
            result = OutputError(f"The recording failed: {type(error).__name__}: {error}. Record again.")
        self._finished = True
        self._done(result)

    def _written(self) -> Path:
        """Write what comes; the file."""
        try:
            for written, image in enumerate(self._frames, 1):
                self._video.add(image, self._sound[None])
                if written % LOOKED_AFTER == 0 and _free(self._folder) < LEAST_FREE:
                    log.warning("A recording ended: the disk of %s is nearly full.", self._folder)
                    self.finish()
            if not self._count:
                raise OutputError("Nothing was recorded: the recording was ended before its first frame.")
            return self._video.publish()
        finally:
            self._video.discard()


def _free(folder: Path) -> int:
    """Bytes that can still be written there."""
    return shutil.disk_usage(folder).free
