"""Ten thousand clips: what a second of video costs by length and size, measured, and what follows for machines and hours, simulated."""

from __future__ import annotations

import heapq
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sonic_core.samples import PORTRAIT

from .clips import ROOT, speech_of
from .table import Row

TITLE = "Scale (lite, judged; CPU seconds of one core; clips of a batch simulated with them)"
MEASURED = ((512, 5), (512, 10), (512, 30), (256, 10), (1024, 10))
"""Short side in px and seconds of the clips."""
CLIPS, SECONDS, SIZE = 10_000, 30.0, 512
MACHINES, WORKERS = (1, 4, 16, 64), 8
TRIES = 2
DEATHS_PER_HOUR, AWAY = 0.001, 600.0
"""Assumed, of a machine: how often it dies, and the seconds until it is back."""
CRASHES = 0.001
"""Assumed: the share of tries that end with a worker that is killed (out of memory)."""
COST = """
import json, sys, time
begin = time.process_time()
from sonic_core.cli import prepare_process
prepare_process()
from pathlib import Path
from sonic_core.job import Job
from sonic_core.job_json import job_to_json
from sonic_core.jobs.making import Maker
from sonic_core.settings import Settings

maker, folder, picture = Maker(measure=True), Path(sys.argv[1]), Path(sys.argv[2])
costs = []
for number, (size, recording) in enumerate(json.loads(sys.argv[3])):
    job = Job(picture, Path(recording), folder / f"{number}.mp4", Settings(min_resolution=size))
    maker.make(job_to_json(job), folder / "work")
    costs.append(time.process_time() - begin)
    begin = time.process_time()
print(json.dumps(costs))
"""


@dataclass(frozen=True)
class Service:
    """What was measured.  start: CPU seconds until a worker has its engine.  clip: of one clip.  spread: relative, between like clips."""

    start: float
    clip: float
    spread: float


@dataclass(frozen=True)
class Outcome:
    """hours: until the last clip.  busy: share of the workers' time that went into clips that were kept."""

    hours: float
    busy: float
    again: int
    failed: int


def measure() -> list[Row]:
    costs, start, spread = _measured()
    rows = [Row("a worker's start, and its first picture", start, "s")]
    rows += [Row(f"second of video, {seconds} s at {size} px", costs[size, seconds], "s") for size, seconds in MEASURED]
    rows.append(Row("spread between clips of the same length, relative", spread, ""))
    service = Service(start, SECONDS * costs[SIZE, 30], spread)
    for machines in MACHINES:
        outcome = simulate(service, machines, WORKERS)
        name = f"{CLIPS} clips of {SECONDS:g} s, {machines} machine(s) of {WORKERS} cores"
        rows.append(Row(name, outcome.hours, "h"))
        rows.append(Row(f"... {outcome.again} done again, {outcome.failed} reported; time kept", outcome.busy, ""))
    return rows


def simulate(service: Service, machines: int, workers: int, clips: int = CLIPS, seed: int = 0) -> Outcome:
    """Discrete events: each worker takes the next clip when it is free; workers crash and machines die, and lost clips wait again.

    A clip whose worker crashed TRIES times is reported; one that was lost with its machine has not been tried.
    """
    rng = random.Random(seed)
    deaths = [rng.expovariate(DEATHS_PER_HOUR / 3600) for _ in range(machines)]
    free = [(service.start, machine, worker) for machine in range(machines) for worker in range(workers)]
    heapq.heapify(free)
    waiting = [(0, clip) for clip in range(clips)][::-1]
    lost: list[tuple[float, int, int]] = []  # from when it waits again, tries, clip
    useful, again, failed, end = 0.0, 0, 0, 0.0
    while waiting or lost:
        now, machine, worker = heapq.heappop(free)
        while lost and lost[0][0] <= now:
            waiting.append(heapq.heappop(lost)[1:])
        if not waiting:
            heapq.heappush(free, (lost[0][0], machine, worker))
            continue
        while deaths[machine] + AWAY <= now:
            deaths[machine] += AWAY + rng.expovariate(DEATHS_PER_HOUR / 3600)
        if deaths[machine] <= now:
            heapq.heappush(free, (deaths[machine] + AWAY + service.start, machine, worker))
            continue
        tries, clip = waiting.pop()
        taken = service.clip * max(0.1, rng.gauss(1.0, service.spread))
        crashed = rng.random() < CRASHES
        done = now + taken * (rng.random() if crashed else 1.0)
        if deaths[machine] < done:
            again += 1
            heapq.heappush(lost, (deaths[machine], tries, clip))
            heapq.heappush(free, (deaths[machine] + AWAY + service.start, machine, worker))
        elif crashed:
            failed += tries + 1 == TRIES
            if tries + 1 < TRIES:
                again += 1
                heapq.heappush(lost, (done, tries + 1, clip))
            heapq.heappush(free, (done + service.start, machine, worker))
        else:
            useful, end = useful + taken, max(end, done)
            heapq.heappush(free, (done, machine, worker))
    return Outcome(end / 3600, useful / (end * machines * workers), again, failed)


def _measured() -> tuple[dict[tuple[int, int], float], float, float]:
    """CPU seconds per second of video by size and length, of a worker's start with one short clip, and the spread of like clips."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, *rest = [(512, 5), *MEASURED, MEASURED[0], MEASURED[0]]
        work = [(size, str(speech_of(seconds, folder))) for size, seconds in (first, *rest)]
        environment = {**os.environ, "SONIC_PORTRAIT_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", COST, str(folder), str(PORTRAIT), json.dumps(work)]
        answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    cold, *warm = json.loads(answer.stdout.splitlines()[-1])
    like = [warm[0], *warm[len(MEASURED) :]]
    mean = sum(like) / len(like)
    per_second = {what: taken / what[1] for what, taken in zip(MEASURED, warm, strict=False)}
    return per_second, cold - mean, (max(like) - min(like)) / mean / 2
