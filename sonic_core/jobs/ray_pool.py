"""A batch on a Ray cluster: one Core actor per worker keeps its engine loaded; the ledger stays with the driver.

Actor tasks run at least once: an actor that dies (killed, out of memory) is restarted by Ray and its task run again; what was lost with a
node waits for the actors that are left.  Each task writes a complete file into a hidden folder of the output folder, which all nodes see;
the driver's ledger renames it exactly once.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError

from ..errors import OutputError
from ..threads import SHARE
from .batch import FRUITLESS, POLL, RECOVER, Crew, Report, State, beating
from .ledger import DONE, FAILED, FINISHING, WAITING, WORKING, Entry, Ledger
from .making import FAILURES, FINAL, Maker, reason_of
from .places import is_full, remove
from .ray_cluster import Cluster, answers, living, places
from .store import WAIT_FOR_ROOM

log = logging.getLogger(__name__)

DEPTH = 2
"""Tasks of one actor: one that runs and one that waits behind it."""
RESTARTS = 4
"""Times that Ray brings an actor back before this program asks for a new one."""
NODES = 3
"""Nodes that a row may be lost with before it is taken for the cause."""


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
            Path(place).mkdir(parents=True, exist_ok=True)  # says that this row has begun
            complete, figures = self.maker.make(job, Path(place))
        except FAILURES as error:
            return {"error": reason_of(error), "final": isinstance(error, FINAL), "full": is_full(error)}
        return {"name": complete.name, "figures": figures, "seconds": round(time.monotonic() - begin, 3)}


@dataclass
class Slot:
    """Room for one task of an actor.  owner: of its claims, with a hidden folder of its own.

    actor: that has the task.  nodes: that lived when it was handed out.
    """

    owner: str
    number: int
    clip: Entry | None = None
    actor: Any = None
    nodes: frozenset[str] = frozenset()


class RayPool:
    """Keeps actors at a plan's clips.  run: an owner of the ledger, alive as long as this process."""

    def __init__(self, ledger: Ledger, run: str, crew: Crew, cluster: Cluster) -> None:
        self.ledger, self.run, self.crew, self.cluster = ledger, run, crew, cluster
        self.slots = [Slot(ledger.enlist(), number) for _ in range(DEPTH) for number in range(crew.workers)]
        self.owners = [run, *(slot.owner for slot in self.slots)]
        self.actors: dict[int, Any] = {}
        self.nodes: dict[int, Any] = {}  # tasks that tell where an actor is
        self.tasks: dict[Any, Slot] = {}
        self.fruitless = 0
        self.full_since: float | None = None  # monotonic seconds, of a disk on which nothing was finished since
        self.lost: Counter[str] = Counter()  # nodes that went with a row, by output

    def work_off(self, tell: Report) -> State:
        """Have every clip made; returns how it ended.  However it is left, what is in work waits again."""
        searched = time.monotonic()
        with beating(self.ledger.folder, self.owners), self._dismissed_at_the_end():
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
        nodes = frozenset(node["NodeID"] for node in living()) if free else frozenset()
        for slot in sorted(free, key=lambda slot: busy.count(slot.number)):
            if slot.number not in self.actors and not self._has_room():
                continue
            place = self.ledger.work_folder(slot.owner).absolute()
            remove(place)  # a task that has begun is known by it
            slot.clip = self.ledger.claim(self.run, slot.owner, self.crew.stop_after)
            if slot.clip is None:
                return
            slot.nodes, slot.actor = nodes, self._actor(slot.number)
            self.tasks[slot.actor.make.remote(slot.clip.job, str(place))] = slot

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
        return len(self.actors) < places(self.cluster)

    def _leave_lost_nodes(self) -> None:
        """Give actors up that the cluster has no room for since a node has died: those of that node, then those that never began.

        Where there is room Ray restarts them by itself.
        """
        surplus = len(self.actors) - places(self.cluster)
        if surplus <= 0:
            return
        alive = {node["NodeID"] for node in living()}
        told, _ = ray.wait(list(self.nodes.values()), num_returns=len(self.nodes), timeout=0)
        lost, unborn = [], []
        for number, task in self.nodes.items():
            if task not in told:
                unborn.append(number)
                continue
            with suppress(RayError):  # it died with its node before it could tell
                if ray.get(task) in alive:
                    continue
            lost.append(number)
        for number in [*lost, *unborn][:surplus]:
            for slot in self._bury(number, self.actors[number]):
                self._lost_with_node(slot)

    def _bury(self, number: int, actor: Any) -> list[Slot]:
        """Give an actor up; the slots of its tasks that have not ended, which nobody waits for any more."""
        ray.kill(actor)
        if self.actors.get(number) is actor:
            del self.actors[number], self.nodes[number]
        tasks = [task for task, slot in self.tasks.items() if slot.actor is actor]
        _, left = ray.wait(tasks, num_returns=len(tasks), timeout=0) if tasks else ((), ())
        return [self.tasks.pop(task) for task in left]

    def _lost_with_node(self, slot: Slot) -> None:
        """The row waits for another actor as if it had not been tried.  Should the actor live on, out of reach, it works in a folder that
        nobody uses any more."""
        clip, slot.clip = slot.clip, None
        assert clip is not None
        self.lost[clip.output] += self.ledger.work_folder(slot.owner).exists()  # it had begun
        if self.lost[clip.output] < NODES:
            log.warning("a node is gone; %s waits for another", clip.output)
            self.ledger.put_back(clip, slot.owner)
        else:
            self.ledger.fail(clip, slot.owner, f"{NODES} nodes died while they made it (out of memory?)", again=False)
        self.ledger.give_back(slot.owner)
        self.owners.remove(slot.owner)
        slot.owner = self.ledger.enlist()
        self.owners.append(slot.owner)

    def _collect(self) -> None:
        """Note what has ended."""
        if not self.tasks:
            time.sleep(POLL)
            return
        ended, _ = ray.wait(list(self.tasks), timeout=POLL)
        for task in ended:
            slot = self.tasks.pop(task)
            try:
                told = ray.get(task)
            except RayError as error:
                self._mourn(slot, error)
                continue
            clip, slot.clip = slot.clip, None
            assert clip is not None
            self._note(slot, clip, told)
            self.fruitless = 0

    def _note(self, slot: Slot, clip: Entry, told: dict[str, Any]) -> None:
        if "error" not in told:
            complete = self.ledger.work_folder(slot.owner) / told["name"]
            try:
                self.ledger.finish(clip, slot.owner, complete, told["figures"], told["seconds"])
                self.full_since = None
                return
            except OSError as error:  # of the rename, on a disk of the network
                told = {"error": reason_of(error), "final": False, "full": is_full(error)}
        again = not told["final"] and clip.attempts < self.crew.tries
        if told["full"]:
            self.full_since = self.full_since or time.monotonic()
            again = again or time.monotonic() - self.full_since < WAIT_FOR_ROOM
        self.ledger.fail(clip, slot.owner, told["error"], again)
        if told["full"]:
            time.sleep(1.0)  # somebody may be making room

    def _mourn(self, slot: Slot, error: RayError) -> None:
        """A task that Ray has given up: its node has gone, or its actor died `tries` times.

        A row that had only waited for the actor is not to blame; what else waits for it goes on when Ray has restarted it.
        """
        there = {node["NodeID"] for node in living() if answers(node)}
        if slot.nodes - there:
            for lost in [slot, *self._bury(slot.number, slot.actor)]:
                self._lost_with_node(lost)
            return
        if self.actors.get(slot.number) is slot.actor and isinstance(error, RayActorError):
            del self.actors[slot.number], self.nodes[slot.number]
        clip, slot.clip = slot.clip, None
        assert clip is not None
        why = "out of memory" if isinstance(error, OutOfMemoryError) else type(error).__name__
        if self.ledger.work_folder(slot.owner).exists():
            reason = f"the actor that made it died {self.crew.tries} time(s): {why}"
            self.ledger.fail(clip, slot.owner, reason, again=False)
        else:
            self.ledger.put_back(clip, slot.owner)
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
