"""The parts of the work, measured one by one in this process: start-up, picture, hearing, sampling, drawing, encoding, the limit."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..engines.registry import engine_class, load_engine
from ..errors import ModelMissingError
from ..frames import FrameStream
from ..media.writer import write_video
from ..pipeline import portrait_for
from ..progress import Preview
from ..settings import Settings
from ..threads import one_thread, sharing
from .figures import EVERY_SIZE, Figure
from .limit import limit_seconds, swayed
from .recording import speech_of

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..job import Job
    from ..portrait.portrait import Portrait

DRAWN_SECONDS = 3.0
"""Of the clip whose frames are drawn and encoded at each size, and held meanwhile."""
RUNS = 3
"""Of drawing, encoding and the limit, by turns: the shortest of each counts, since what other programs take from the caches is no part of
them, and a machine's slow seconds meet all three.
"""
HEARD_SECONDS = 20.0
"""Of the recording that is heard and moved to: several windows of sampling."""
GROUPS = {
    "Once": ("start_up_wall", "start_up", "picture_cold", "picture_cached", "set_up"),
    "For each second of sound": ("listen", "sample"),
    "For each frame": ("render", "encode", "frame", "limit", "over_limit"),
}
"""Names of the figures under their headings."""
TITLES = {
    "start_up_wall": ("start-up by the clock: imports, engine", "s"),
    "start_up": ("start-up", "s of CPU"),
    "picture_cold": ("picture analysed, nothing cached", "s of CPU"),
    "picture_cached": ("picture analysed, cached", "s of CPU"),
    "set_up": ("picture made ready to be drawn", "s of CPU"),
    "listen": ("listening", "s of CPU"),
    "sample": ("sampling", "s of CPU"),
    "render": ("drawing, one thread", "ms of CPU"),
    "encode": ("encoding with its sound, one thread", "ms of CPU"),
    "frame": ("both", "ms of CPU"),
    "limit": ("the limit: remap, YUV, x264 alone", "ms of CPU"),
    "over_limit": ("both, over the limit", "times"),
}
"""Title and unit of each figure."""


@dataclass(frozen=True)
class Parts:
    """figures: what was measured.  counted: seconds of work for a clip by (seconds, side), counted beforehand by an engine whose trial
    would take long.  faults: what was not measured and why, in sentences.  runs: whether whole clips can be run.
    """

    figures: list[Figure]
    counted: dict[tuple[int, int], float]
    faults: list[str]
    runs: bool


@dataclass
class StageClock:
    """A `Progress` that notes the CPU seconds of each stage; what comes before the first report counts to that."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    stage: str = ""
    since: float = field(default_factory=time.process_time)

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        if stage != self.stage:
            self.stop()
            self.stage = stage

    def stop(self) -> None:
        """Count what has passed to the stage that ran."""
        if self.stage:
            now = time.process_time()
            self.seconds[self.stage] += now - self.since
            self.since = now


def measure_parts(
    job: Job,
    sizes: Sequence[int],
    folder: Path,
    clips: Sequence[int] = (),
    started: float | None = None,
    drawn_seconds: float = DRAWN_SECONDS,
    heard_seconds: float = HEARD_SECONDS,
    time_limit: float = float("inf"),
) -> Parts:
    """Measure with the job's picture, engine and options; the portrait cache is expected to be empty.

    sizes: sides, px.  folder: where scratch files may go.  clips: seconds of the clips whose work is counted.
    started: `time.time()` when this process was begun, None = not known; its start-up is then not measured.
    time_limit: seconds after which no further size is begun; the first always is.
    """
    until = time.monotonic() + time_limit
    values: dict[str, dict[str, float]] = defaultdict(dict)
    faults: list[str] = []
    engine: Engine | None = None
    try:
        engine = load_engine(job.engine, **job.options)
        if started is not None:
            values["start_up_wall"][EVERY_SIZE] = time.time() - started
            values["start_up"][EVERY_SIZE] = time.process_time()
    except ModelMissingError as error:
        faults += [f"The {job.engine} engine does not start; what needs it is not measured.", str(error)]
    counted = {}
    # Drawn and encoded on one thread, as the limit is: what threads cost each other shows in the whole clips.
    with one_thread(), sharing(1):
        portrait = _read_twice(job, values)
        tried = engine if job.declaration.cheap_trial else None
        if not job.declaration.cheap_trial:
            faults.append(
                f"Clips of the {job.engine} engine take long: their time is counted beforehand, not measured."
            )
            counted = _counted(job, portrait, sizes, clips)
        if tried is not None:
            _hear(tried, portrait, sizes[0], heard_seconds, values)
        for size in sizes:
            if size != sizes[0] and time.monotonic() > until:
                faults.append(f"There was no time for the parts at {size} px.")
                continue
            stream = _drawn(tried, portrait, size, drawn_seconds, values) if tried is not None else None
            _draw_and_encode(job, portrait, size, drawn_seconds, stream, folder, values)
    figures = [Figure(name, *TITLES[name], values[name]) for name in TITLES if name in values]
    return Parts(figures, counted, faults, runs=engine is not None and job.declaration.cheap_trial)


Values = dict[str, dict[str, float]]


def _read_twice(job: Job, values: Values) -> Portrait:
    for name in ("picture_cold", "picture_cached"):
        start = time.process_time()
        portrait, _ = portrait_for(job)
        values[name][EVERY_SIZE] = time.process_time() - start
    return portrait


def _hear(engine: Engine, portrait: Portrait, size: int, seconds: float, values: Values) -> None:
    """Hearing and sampling, which no size changes."""
    clock, settings = StageClock(), Settings(min_resolution=size)
    conditioning = engine.prepare(portrait, speech_of(seconds), settings, clock)
    clock.stop()
    if "audio" in clock.seconds:
        values["listen"][EVERY_SIZE] = clock.seconds["audio"] / seconds
    start = time.process_time()
    engine.sample(conditioning, settings)
    values["sample"][EVERY_SIZE] = (time.process_time() - start) / seconds


def _drawn(engine: Engine, portrait: Portrait, size: int, seconds: float, values: Values) -> FrameStream:
    """Frames, drawn anew by each pass over them; what their set-up costs is noted."""
    clock, settings = StageClock(), Settings(min_resolution=size)
    conditioning = engine.prepare(portrait, speech_of(seconds), settings, clock)
    clock.stop()
    if "portrait" in clock.seconds:
        values["set_up"][str(size)] = clock.seconds["portrait"]
    return engine.decode(conditioning, engine.sample(conditioning, settings))


def _draw_and_encode(
    job: Job, portrait: Portrait, size: int, seconds: float, drawn: FrameStream | None, folder: Path, values: Values
) -> None:
    """Drawing, encoding and the limit of the frames of `drawn`; without one, encoding and the limit of the picture that sways."""
    side, fps = str(size), job.declaration.fps
    if drawn is None:
        picture = cv2.resize(portrait.image, (size, size), interpolation=cv2.INTER_AREA)
        frames = swayed(picture, round(seconds * fps))
    else:
        frames = np.stack(list(drawn))[..., :3]
    stream = FrameStream.from_array(frames, fps)
    speech, path = speech_of(stream.duration), folder / f"{side}.mp4"
    work: dict[str, Callable[[], float]] = {
        "encode": lambda: _cpu_seconds(lambda: write_video(stream, speech, path, overwrite=True)) / len(frames),
        "limit": lambda: limit_seconds(frames, fps),
    }
    if drawn is not None:  # each frame is forgotten, as in a clip
        work["render"] = lambda: _cpu_seconds(lambda: deque(drawn, maxlen=0)) / len(frames)
    for name, runs in _by_turns(work).items():
        values[name][side] = 1000 * min(runs)
    if drawn is not None:
        values["frame"][side] = values["render"][side] + values["encode"][side]
        values["over_limit"][side] = values["frame"][side] / values["limit"][side]


def _by_turns(work: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What RUNS calls of each give, one after the other in every round."""
    rounds = [{name: measure() for name, measure in work.items()} for _ in range(RUNS)]
    return {name: [one[name] for one in rounds] for name in work}


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _counted(job: Job, portrait: Portrait, sizes: Sequence[int], clips: Sequence[int]) -> dict[tuple[int, int], float]:
    """Seconds by (seconds of the clip, side), as far as the engine can count them without its weights."""
    counted = {}
    for seconds in clips:
        audio = speech_of(seconds)
        for size in sizes:
            settings = Settings(min_resolution=size)
            cost = engine_class(job.engine).cost_without_weights(job.options, portrait, audio, settings)
            if cost is not None:
                counted[seconds, size] = sum(cost.stages.values())
    return counted
