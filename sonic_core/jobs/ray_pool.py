"""A batch on a Ray cluster: one Core actor per worker keeps its engine loaded; the ledger stays with the driver.

Actor tasks run at least once: an actor that dies (killed, out of memory, its node gone) is restarted by Ray and its task run again.  Each
task writes a complete file into a hidden folder of the output folder, which all nodes see; the driver's ledger renames it exactly once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError

from ..errors import OutputError, SettingsError
from ..threads import SHARE
from .batch import FRUITLESS, POLL, RECOVER, Crew, Report, State, beating
from .ledger import DONE, FAILED, FINISHING, WAITING, WORKING, Entry, Ledger
from .making import FAILURES, FINAL, Maker, reason_of
from .places import is_full

log = logging.getLogger(__name__)

DEPTH = 2
"""Tasks of one actor: one that runs and one that waits behind it."""
RESTARTS = 4
"""Times that Ray brings an actor back before this program asks for a new one."""
LOCAL = "local"


@dataclass(frozen=True)
class Cluster:
    """address: of a running cluster ("auto": the one of this machine), LOCAL = start one here.  cpus, gpus: per worker, parts allowed."""

    address: str = LOCAL
    cpus: float = 1.0
    gpus: float = 0.0


class ClipMaker:
    """The actor.  threads: its share of the cores."""

    def __init__(self, measure: bool, threads: int) -> None:
        from ..threads import prepare_process

        prepare_process()
        os.environ[SHARE] = str(threads)
        self.maker = Maker(measure)

    def node(self) -> str:
        """Id of the node that it runs on."""
        return ray.get_runtime_context().get_node_id()

    def make(self, job: str, place: str) -> dict[str, Any]:
        """{"name", "figures", "seconds"} of a complete file in `place`, or {"error", "final", "full"}: that Ray shall not try again."""
        begin = time.monotonic()
        try:
            complete, figures = self.maker.make(job, Path(place))
        except FAILURES as error:
            return {"error": reason_of(error), "final": isinstance(error, FINAL), "full": is_full(error)}
        return {"name": complete.name, "figures": figures, "seconds": round(time.monotonic() - begin, 3)}


@dataclass
class Slot:
    """Room for one task of an actor.  owner: of its claims, with a hidden folder of its own."""

    owner: str
    number: int
    clip: Entry | None = None


class RayPool:
    """Keeps actors at a plan's clips.  run: an owner of the ledger, alive as long as this process."""

    def __init__(self, ledger: Ledger, run: str, crew: Crew, cluster: Cluster) -> None:
        self.ledger, self.run, self.crew, self.cluster = ledger, run, crew, cluster
        self.slots = [Slot(ledger.enlist(), number) for _ in range(DEPTH) for number in range(crew.workers)]
        self.actors: dict[int, Any] = {}
        self.nodes: dict[int, Any] = {}  # tasks that tell where an actor is
        self.tasks: dict[Any, Slot] = {}
        self.fruitless = 0

    def work_off(self, tell: Report) -> State:
        """Have every clip made; returns how it ended.  However it is left, what is in work waits again."""
        searched = time.monotonic()
        with beating(self.ledger.folder, self.run, *(slot.owner for slot in self.slots)), self._dismissed_at_the_end():
            while True:
                counts = self.ledger.counts(self.run)
                working = tuple(self.ledger.working(self.run))
                tell(State(counts[DONE], counts[FAILED], sum(counts.values()), working))
                left = counts[WAITING] + counts[WORKING] + counts[FINISHING]
                stopping = bool(self.crew.stop_after) and counts[FAILED] >= self.crew.stop_after
                if not left or (stopping and not self.tasks):
                    break
                if time.monotonic() - searched > RECOVER:  # another batch on this folder may have died
                    self.ledger.recover(self.crew.tries)
                    self._leave_lost_nodes()
                    searched = time.monotonic()
                self._hand_out()
                self._collect()
        counts = self.ledger.counts(self.run)
        return State(counts[DONE], counts[FAILED], sum(counts.values()))

    def _hand_out(self) -> None:
        """Fill the free slots, first those of actors without any task."""
        busy = [slot.number for slot in self.slots if slot.clip]
        free = [slot for slot in self.slots if not slot.clip and (slot.number in self.actors or self._has_room())]
        for slot in sorted(free, key=lambda slot: busy.count(slot.number)):
            if slot.number not in self.actors and not self._has_room():
                continue
            slot.clip = self.ledger.claim(self.run, slot.owner, self.crew.stop_after)
            if slot.clip is None:
                return
            place = str(self.ledger.work_folder(slot.owner).absolute())
            self.tasks[self._actor(slot.number).make.remote(slot.clip.job, place)] = slot

    def _actor(self, number: int) -> Any:
        if number not in self.actors:
            cluster = self.cluster
            made = ray.remote(ClipMaker).options(
                num_cpus=cluster.cpus,
                num_gpus=cluster.gpus,
                max_restarts=RESTARTS,
                max_task_retries=self.crew.tries - 1,
            )
            self.actors[number] = made.remote(self.crew.measure, max(1, round(cluster.cpus)))
            self.nodes[number] = self.actors[number].node.remote()
        return self.actors[number]

    def _has_room(self) -> bool:
        """Whether the cluster, as it is now, holds one more actor."""
        return len(self.actors) < _places(self.cluster)

    def _leave_lost_nodes(self) -> None:
        """Rows of actors whose node has died, and that no other has room for, wait for the actors that are left."""
        if len(self.actors) <= _places(self.cluster):
            return  # Ray restarts them by itself
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        told, _ = ray.wait(list(self.nodes.values()), num_returns=len(self.nodes), timeout=0)
        for number, task in list(self.nodes.items()):
            try:
                if task not in told or ray.get(task) in alive:
                    continue
            except RayError:  # it died with its node before it could tell
                pass
            log.warning("the node of worker %d is gone; its clips wait for others", number)
            ray.kill(self.actors.pop(number))
            del self.nodes[number]
            for lost in [task for task, slot in self.tasks.items() if slot.number == number]:
                slot = self.tasks.pop(lost)
                assert slot.clip is not None
                self.ledger.put_back(slot.clip, slot.owner)
                slot.clip = None

    def _collect(self) -> None:
        """Note what has ended."""
        if not self.tasks:
            time.sleep(POLL)
            return
        ended, _ = ray.wait(list(self.tasks), timeout=POLL)
        for task in ended:
            slot = self.tasks.pop(task)
            clip, slot.clip = slot.clip, None
            assert clip is not None
            try:
                self._note(slot, clip, ray.get(task))
                self.fruitless = 0
            except RayError as error:
                self._mourn(slot, clip, error)

    def _note(self, slot: Slot, clip: Entry, told: dict[str, Any]) -> None:
        if "error" in told:
            again = told["full"] or (not told["final"] and clip.attempts < self.crew.tries)
            self.ledger.fail(clip, slot.owner, told["error"], again)
            if told["full"]:
                time.sleep(1.0)  # somebody may be making room
            return
        complete = self.ledger.work_folder(slot.owner) / told["name"]
        self.ledger.finish(clip, slot.owner, complete, told["figures"], told["seconds"])

    def _mourn(self, slot: Slot, clip: Entry, error: RayError) -> None:
        """A task that Ray has given up: its actor died `tries` times."""
        why = "out of memory" if isinstance(error, OutOfMemoryError) else type(error).__name__
        self.ledger.fail(clip, slot.owner, f"the actor that made it died {self.crew.tries} time(s): {why}", again=False)
        if isinstance(error, RayActorError):
            self.actors.pop(slot.number, None)
            self.nodes.pop(slot.number, None)
        self.fruitless += 1
        if self.fruitless >= FRUITLESS * len(self.slots):
            raise OutputError(f"The actors die before they make anything; the last one of {why}: {str(error)[-600:]}")

    @contextmanager
    def _dismissed_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            for actor in self.actors.values():
                ray.kill(actor)
            for slot in self.slots:
                self.ledger.give_back(slot.owner)


def _places(cluster: Cluster) -> int:
    """Workers that the cluster, as it is now, has room for."""
    there = ray.cluster_resources()
    places = [int(there.get("CPU", 0.0) / cluster.cpus + 1e-6)]
    if cluster.gpus:
        places.append(int(there.get("GPU", 0.0) / cluster.gpus + 1e-6))
    return min(places)


@contextmanager
def connected(cluster: Cluster, workers: int) -> Iterator[None]:
    """Ray, started here or reached, with room for the workers.  Raises OutputError, SettingsError."""
    if cluster.address == LOCAL:  # the actors import this package as this process does
        root = str(Path(__file__).parents[2])
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if cluster.address == LOCAL:  # a new one, also beside another that runs here
            ray.init("local", num_cpus=max(1, round(workers * cluster.cpus)), include_dashboard=False, **options)
        else:
            ray.init(address=cluster.address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise OutputError(
            f"No Ray cluster at {cluster.address}: {error}. Start one with `ray start --head`."
        ) from error
    try:
        there = ray.cluster_resources()
        for kind, wanted in (("CPU", cluster.cpus * workers), ("GPU", cluster.gpus * workers)):
            if wanted > there.get(kind, 0.0) + 1e-6:
                raise SettingsError(
                    f"{workers} workers want {wanted:g} {kind}s, but the cluster has {there.get(kind, 0.0):g}. Choose fewer --workers, "
                    f"or less for each with --{kind.lower()}s-per-worker."
                )
        yield
    finally:
        ray.shutdown()
