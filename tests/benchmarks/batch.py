"""Batches: what they cost beside the work of their clips, what a second worker brings, and how soon long tables start."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from sonic_core.commands.demo import PORTRAIT

from .clips import ROOT, speech_of
from .table import Row

CLIPS, SECONDS = int(os.environ.get("SONIC_BENCHMARK_CLIPS", "20")), 5
ROWS, FINISHED = 100_000, 500
TITLE = f"Batch (lite, 512x512, one picture, {CLIPS} clips of {SECONDS} s, judged; second run of {FINISHED}, start of {ROWS})"
PURE = """
import sys, time
from sonic_core.threads import prepare_process
prepare_process()
from pathlib import Path
from sonic_core.job import Job
from sonic_core.job_json import job_to_json
from sonic_core.jobs.making import Maker
from sonic_core.settings import Settings

maker, folder = Maker(measure=True), Path(sys.argv[2])
recordings = sorted(Path(sys.argv[1]).glob("*.wav"))
wall, cpu = [], []
for recording in [recordings[0], *recordings]:  # the first once more, with everything loaded
    job = Job(Path(sys.argv[3]), recording, folder / f"{recording.stem}.mp4", Settings(min_resolution=512))
    begin, used = time.perf_counter(), time.process_time()
    maker.make(job_to_json(job), folder / "work")
    wall.append(time.perf_counter() - begin)
    cpu.append(time.process_time() - used)
print(sum(wall[1:]), sum(cpu[1:]))
"""
PLAN = """
import sys
from pathlib import Path
from sonic_core.jobs.ledger import Ledger
from sonic_core.jobs.plan import check, planned
from sonic_core.jobs.table import read_rows

ledger = Ledger(Path(sys.argv[2]))
plan = check(read_rows(Path(sys.argv[1])), ledger, {}, Path())
owner = ledger.enlist()
ledger.plan(owner, planned(ledger))
assert plan.clips == int(sys.argv[3])
for number in range(int(sys.argv[4])):  # as workers would: claimed, complete, renamed
    clip = ledger.claim(owner, owner)
    file = ledger.work_folder(owner) / Path(clip.output).name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"video")
    ledger.finish(clip, owner, file, {"duration": 5.0, "thumbnail": "A" * 4000}, 1.0)
ledger.give_back(owner)
"""


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = _recordings(folder)
        pure = _pure(folder, recordings)
        one, one_cpu = _batch(folder, recordings, 1)
        two, two_cpu = _batch(folder, recordings, 2)
        start, memory = _start(folder, ROWS)
        few, few_memory = _start(folder, ROWS // 10)
        again = _second_run(folder)
    return [
        Row("pure work of the clips in one loaded process, CPU time", pure[1], "s"),
        Row("one worker, CPU time beyond that", 100 * (one_cpu / pure[1] - 1), "%", 5),
        Row("pure work, wall time", pure[0], "s"),
        Row("one worker, wall time beyond that", 100 * (one / pure[0] - 1), "%", 5),
        Row("two workers, wall time: times as fast as one", one / two, "x", 1.7, at_least=True),
        Row("two workers, CPU time beside one's", two_cpu / one_cpu, "x"),
        Row(f"table of {ROWS} rows until the first clip, CPU time", start, "s", 10),
        Row(f"the same with {ROWS // 10} rows", few, "s"),
        Row(f"peak memory with {ROWS} rows beside that with {ROWS // 10}", memory / few_memory, "x", 1.1),
        Row(f"second run of {FINISHED} finished rows, CPU time", again, "s", 5),
    ]


def _recordings(folder: Path) -> Path:
    place = folder / "audio"
    place.mkdir()
    with wave.open(str(speech_of(SECONDS, folder))) as source:
        parameters = source.getparams()
        samples = np.frombuffer(source.readframes(parameters.nframes), np.int16)
    for number in range(CLIPS):
        with wave.open(str(place / f"r{number:02d}.wav"), "wb") as target:
            target.setparams(parameters)
            target.writeframes(np.roll(samples, 4000 * number).tobytes())
    return place


def _python(folder: Path, *arguments: object) -> tuple[str, float, float, float]:
    """stdout, wall and CPU seconds of a process and its children; and its peak memory, MB."""
    environment = {**os.environ, "SONIC_PORTRAIT_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{arguments[:2]} ended with {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer, wall, cpu, usage.ru_maxrss / 1024


def _pure(folder: Path, recordings: Path) -> tuple[float, float]:
    answer, *_ = _python(folder, "-c", PURE, recordings, folder, PORTRAIT)
    wall, cpu = map(float, answer.split()[-2:])
    return wall, cpu


def _batch(folder: Path, recordings: Path, workers: int) -> tuple[float, float]:
    out = folder / f"out{workers}"
    command = ["-m", "sonic_core", "batch", "--images", PORTRAIT, "--audio", recordings, "--output", out, "--json"]
    answer, wall, cpu, _ = _python(folder, *command, "--min-resolution", 512, "--workers", workers, "--quiet")
    assert json.loads(answer.splitlines()[-1])["done"] == CLIPS
    return wall, cpu


def _table(folder: Path, count: int, recording: Path) -> Path:
    table = folder / f"{count}.csv"
    with table.open("w") as file:
        file.write("image,audio,output,seed,duration,length_policy\n")
        file.writelines(f"{PORTRAIT},{recording},{i // 1000}/c{i}.mp4,{i},0.1,trim\n" for i in range(count))
    return table


def _start(folder: Path, count: int) -> tuple[float, float]:
    """CPU seconds until the first clip can be claimed, and peak memory, MB."""
    table = _table(folder, count, folder / "audio" / "r00.wav")
    _, _, cpu, memory = _python(folder, "-c", PLAN, table, folder / f"start{count}", count, 0)
    return cpu, memory


def _second_run(folder: Path) -> float:
    out, table = folder / "finished", _table(folder, FINISHED, folder / "audio" / "r00.wav")
    _python(folder, "-c", PLAN, table, out, FINISHED, FINISHED)
    answer, _, cpu, _ = _python(folder, "-m", "sonic_core", "batch", table, "--output", out, "--json", "--quiet")
    assert json.loads(answer.splitlines()[-1])["kept"] == FINISHED
    return cpu
