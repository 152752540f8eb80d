"""Recording a live session: an mp4 with the tags of origin of every other, written in a thread of its own."""

from __future__ import annotations

import queue
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

LONGEST = 3600.0
"""s after which a recording ends by itself: nobody may fill the disk by forgetting it."""
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
        """Record from the next frame on; raises OutputError where nothing can be written, SettingsError for a label that does not fit."""
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
            return Recorder(video, shape, label, done)
        except SonicError:
            video.discard()
            raise


class Recorder:
    """Takes frames until `finish`; then, or when it fails, `done` is called once from the recorder's thread with the file or the error.

    shape: size and rate of the frames.  label: drawn into the beginning.
    """

    def __init__(
        self,
        video: GrowingVideo,
        shape: FrameStream,
        label: VisibleLabel | None,
        done: Callable[[Path | SonicError], None],
    ) -> None:
        self.repeated = 0
        self._video, self._done = video, done
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
            for image in self._frames:
                self._video.add(image, self._sound[None])
            if not self._count:
                raise OutputError("Nothing was recorded: the recording was ended before its first frame.")
            result: Path | SonicError = self._video.publish()
        except SonicError as error:
            self._finished = True
            result = error
        finally:
            self._video.discard()
        self._done(result)
