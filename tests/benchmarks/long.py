"""Hours of sound through `motion`, `generate`, `report` and `align`: peak memory and time of each, and how far the end is from its sound.

`python -m tests.benchmarks.long [--hours H] [--minutes M] [--folder DIR]` prints the table; what lies in DIR already is used again.  As a
part of `python -m tests.benchmarks` the recording lasts SONIC_LONG_HOURS, by default a tenth of an hour.

The recording is the bundled sentence, again and again, each time of another loudness and after another pause.  Of the finished video the
first M minutes are cut off; once their sound comes late by a constant time, once by one that grows.  What `align` makes of both is compared
with the sound as it was, by cross-correlation of the last ten seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.loading import load_audio
from sonic_core.judging.retiming import Correction, retimed_sound
from sonic_core.media.remux import cut_to, replace_sound
from sonic_core.media.timed_sound import read_sound
from sonic_core.media.timeline import Timeline, read_timeline
from sonic_core.samples import PORTRAIT, SPEECH

from .table import Row, markdown

TITLE = "Long recordings (lite, 256)"
ROOT = Path(__file__).parents[2]
RATE = 44_100
LATE_MS, GROWTH = 180.0, -1.0e-4
"""Injected into the cut: ms, and seconds per second (6 ms a minute)."""
END_S, END_WITHIN_MS = 10.0, 20.0
MOST_MB = 600


@dataclass(frozen=True)
class Run:
    """A command that ended well: seconds of CPU and of clock, peak resident memory in MB."""

    cpu: float
    wall: float
    peak_mb: float

    def rows(self, what: str, most_mb: float | None = None) -> list[Row]:
        return [
            Row(f"{what}: peak memory", self.peak_mb, "MB", most_mb),
            Row(f"{what}: CPU time", self.cpu, "s"),
            Row(f"{what}: time by the clock", self.wall, "s"),
        ]


def measure() -> list[Row]:
    hours = float(os.environ.get("SONIC_LONG_HOURS", "0.1"))
    with tempfile.TemporaryDirectory() as folder:
        return measure_hours(Path(folder), hours, min(30.0, hours * 60))


def measure_hours(folder: Path, hours: float, minutes: float) -> list[Row]:
    folder.mkdir(exist_ok=True, parents=True)
    speech, video = folder / f"speech_{hours:g}h.flac", folder / f"clip_{hours:g}h.mp4"
    if not speech.exists():
        write_flac(speech, long_speech(hours * 3600))
    rows: list[Row] = []

    def add(what: str, *arguments: str | Path) -> None:
        made = command(*arguments).rows(f"{what}", MOST_MB)
        print("\n".join(" ".join(row.cells()) for row in made), file=sys.stderr, flush=True)
        rows.extend(made)

    if not video.exists():
        picture = ("--image", PORTRAIT, "--framing", "face", "--min-resolution", "256")
        add(f"generate {hours:g} h", "generate", *picture, "--audio", speech, "--output", video)
    cut = first_minutes(video, folder / f"cut_{minutes:g}.mp4", minutes)
    timeline = read_timeline(cut)
    for name, change in (("constant", Correction(-LATE_MS)), ("growing", Correction(-LATE_MS, GROWTH))):
        late = with_sound_moved(timeline, change, folder / f"late_{name}.mp4")
        fixed = folder / f"aligned_{name}.mp4"
        add(f"align {minutes:g} min, {name} offset", "align", late, "--output", fixed, "--overwrite")
        left = lag_at_end_ms(timeline, read_timeline(fixed)) if fixed.exists() else float("nan")
        rows.append(Row(f"{name} offset: left at the end", abs(left), "ms", END_WITHIN_MS))
    add(f"motion of {hours:g} h", "motion", "--audio", speech, "--output", folder / "motion.json", "--overwrite")
    add(f"report on {hours:g} h", "report", video, "--output", folder / "report.json", "--overwrite")
    return rows


def long_speech(seconds: float) -> Iterator[NDArray[np.float32]]:
    """Blocks `[2, n]` at RATE, `seconds` in all: the bundled sentence in ever other loudness, with pauses of 0.2 to 1.2 s."""
    spoken = load_audio(SPEECH)
    block, rng, left = (
        np.repeat(_at_rate(spoken.mono(), spoken.rate), 2, axis=0),
        np.random.default_rng(0),
        round(seconds * RATE),
    )
    while left > 0:
        pause = np.zeros((2, round(rng.uniform(0.2, 1.2) * RATE)), np.float32)
        piece = np.concatenate([block * rng.uniform(0.3, 1.0), pause], axis=1)[:, :left].astype(np.float32)
        left -= piece.shape[1]
        yield piece


def _at_rate(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    from scipy.signal import resample_poly

    return resample_poly(mono, RATE, rate).astype(np.float32)[None]


def write_flac(path: Path, pieces: Iterator[NDArray[np.float32]]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout="stereo", format="s16")
        done = 0
        for piece in pieces:
            whole = np.ascontiguousarray((piece.T * 32767).astype(np.int16).reshape(1, -1))
            for first in range(0, whole.shape[1], 2 * 4096):
                part = whole[:, first : first + 2 * 4096]
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
                frame.sample_rate, frame.pts = RATE, done
                done += part.shape[1] // 2
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def command(*arguments: str | Path) -> Run:
    """A command of the command line in a process of its own; what it writes to stderr is shown when it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        line = [sys.executable, "-m", "sonic_core", *map(str, arguments), "--quiet"]
        child = subprocess.Popen(line, cwd=ROOT, stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(line)}\n{said.read().decode()}")
    # KB on Linux, where it begins with what this process, small as it is, had at the time.
    return Run(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1000)


def first_minutes(video: Path, target: Path, minutes: float) -> Path:
    """The packets of the first minutes, as they are."""
    with av.open(str(video)) as source, av.open(str(target), "w") as output:
        tracks = {
            s.index: output.add_stream_from_template(s) for s in (source.streams.video[0], source.streams.audio[0])
        }
        for packet in source.demux(source.streams.video[0], source.streams.audio[0]):
            if packet.size and packet.dts is not None and float(packet.dts * packet.time_base) < minutes * 60:
                packet.stream = tracks[packet.stream.index]
                output.mux(packet)
    return target


def with_sound_moved(timeline: Timeline, change: Correction, target: Path) -> Path:
    moved = retimed_sound(read_sound(timeline), timeline.rate, timeline.channels, change, timeline.end)
    return replace_sound(timeline, cut_to(moved, timeline, timeline.end), target, overwrite=True)


def lag_at_end_ms(reference: Timeline, other: Timeline) -> float:
    """How late the other file's sound is in the last seconds that both have, ms."""
    end = min(reference.shared_seconds, other.shared_seconds) - 1.0
    a, b = (sound_between(timeline, end - END_S, end) for timeline in (reference, other))
    size = 1 << (2 * len(a)).bit_length()
    match = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    lag = int(np.argmax(match))
    return 1000 * (lag if lag < size // 2 else lag - size) / reference.rate


def sound_between(timeline: Timeline, begin: float, end: float) -> NDArray[np.float32]:
    first, last, place, kept = round(begin * timeline.rate), round(end * timeline.rate), 0, []
    for block in read_sound(timeline, mono=True):
        kept.append(block[0, max(0, first - place) : max(0, last - place)])
        place += block.shape[1]
    return np.concatenate(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the cut that is aligned")
    parser.add_argument("--folder", type=Path, help="where everything stays; default: nowhere")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure_hours(args.folder or Path(scratch), args.hours, min(args.minutes, args.hours * 60))
    print(markdown(TITLE, rows))
    return int(any(not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
