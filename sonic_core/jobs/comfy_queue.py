"""A batch on ComfyUI servers: each takes rows while its queue is short; what a restarted server has forgotten is queued again.

The ledger makes each row's file exactly once.  Ids of prompts follow from key and try, so that a batch that was killed finds the
prompts that it had queued.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from filecmp import cmp
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..media.probe import probe
from .batch import Report, State, beating
from .comfy_rows import prompt_of
from .comfy_server import GONE, ComfyServer, RefusedError, failure_of, files_of
from .comfy_workflow import Workflow
from .ledger import DONE, FAILED, FINISHING, WAITING, WORKING, Entry, Ledger
from .places import is_full, put_in_place

log = logging.getLogger(__name__)

DEPTH = 2
"""Prompts of ours on a server: one that runs and one that waits behind it."""
LOOK = 10.0  # s after which the queues are asked even if no server has said anything
BREATH = 0.5  # s between two looks at the ledger
RECONNECT = 1.0  # s between two tries to reach a server that is gone
GIVE_UP = 300.0
"""Seconds after which the rows of a server that is gone go to others."""
GOODBYE = 10.0  # s for taking our prompts out of the queues when the batch is stopped
PROMPTS = uuid.UUID("5d6a8c0e-8f0b-4a43-9a5e-3d1f3b0f7c11")  # name space of our prompts' ids, drawn once
EVERY_TRY = 2**31
"""Tries that a row has when processes of this batch die: that is not its fault."""
PLAYABLE = (".mp4", ".webm", ".mkv", ".mov")


@dataclass
class InWork:
    """A row on a server.  since: monotonic seconds.  forgotten: how often a restarted server did not know it any more."""

    clip: Entry
    since: float
    forgotten: int = 0


class Site:
    """A server as this batch sees it: whether it is there, our rows on it by prompt id, and our files in its input folder."""

    def __init__(self, server: ComfyServer) -> None:
        self.server = server
        self.up, self.gone_since = False, time.monotonic()
        self.mine: dict[str, InWork] = {}
        self.uploaded: dict[str, str] = {}


class ComfyQueue:
    """Keeps servers at a plan's rows.  run: an owner of the ledger, alive as long as this process."""

    def __init__(
        self, ledger: Ledger, run: str, servers: list[ComfyServer], workflow: Workflow, tries: int, stop_after: int
    ) -> None:
        self.ledger, self.run, self.workflow = ledger, run, workflow
        self.tries, self.stop_after = tries, stop_after
        self.sites = [Site(server) for server in servers]
        self.changed = asyncio.Event()
        self.one_at_a_time = asyncio.Lock()

    async def work_off(self, tell: Report) -> State:
        """Have every row made; returns how it ended.  However it is left, the prompts of ours that remain are taken out of the queues."""
        watchers = [asyncio.create_task(self._watch(site)) for site in self.sites]
        asked = time.monotonic()
        try:
            while True:
                counts = self.ledger.counts(self.run)
                state = State(counts[DONE], counts[FAILED], sum(counts.values()), tuple(self.ledger.working(self.run)))
                tell(state)
                left = counts[WAITING] + counts[WORKING] + counts[FINISHING]
                mine = any(site.mine for site in self.sites)
                if not left or (self._stopping(counts) and not mine):
                    return state
                if time.monotonic() - asked > LOOK:
                    asked = time.monotonic()
                    await asyncio.gather(*(self._look(site) for site in self.sites))
                    self.ledger.recover(EVERY_TRY)
                if not await self._hand_out():
                    self.changed.clear()
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self.changed.wait(), BREATH)
                self._give_up_the_lost()
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await asyncio.gather(*(self._leave(site) for site in self.sites))

    async def _look(self, site: Site) -> None:
        """Ask a server that has said nothing for a while, or whose websocket does not connect."""
        site.up = site.up or await site.server.is_up()
        if site.up:
            await self._settle(site)

    def _stopping(self, counts: Mapping[str, int]) -> bool:
        return bool(self.stop_after) and counts[FAILED] >= self.stop_after

    async def _hand_out(self) -> bool:
        """Give the next row to the server with the shortest queue that has room for one of ours; False when there is none."""
        free = [site for site in self.sites if site.up and len(site.mine) < DEPTH]
        lengths = await asyncio.gather(*(self._length(site) for site in free))
        free = [site for _, site in sorted(zip(lengths, free, strict=True), key=lambda pair: pair[0]) if site.up]
        if not free:
            return False
        clip = self.ledger.claim(self.run, self.run, self.stop_after)
        if clip is None:
            return False
        if not await self._adopted(clip):
            async with self.one_at_a_time:  # until the server has it nobody may look for it there
                await self._queue(free[0], clip)
        return True

    async def _length(self, site: Site) -> float:
        try:
            return sum(map(len, await site.server.queued()))
        except (*GONE, OutputError) as error:
            self._lose(site, error)
            return float("inf")

    async def _queue(self, site: Site, clip: Entry, forgotten: int = 0) -> None:
        """Upload what a row names and queue its prompt."""
        identity, job = _identity(clip, clip.attempts), json.loads(clip.job)
        if missing := [path for _, _, path, _ in job["files"] if not Path(path).is_file()]:
            self._failed(clip, f"{missing[0]} is not there any more", again=False)
            return
        try:
            for _, _, path, digest in job["files"]:
                if path not in site.uploaded:
                    name = f"sonic_{digest[:16]}{Path(path).suffix.lower()}"
                    site.uploaded[path] = await site.server.upload(Path(path), name)
            site.mine[identity] = InWork(clip, time.monotonic(), forgotten)
            await site.server.submit(prompt_of(self.workflow, job, site.uploaded), identity)
        except GONE as error:
            if identity not in site.mine:  # not sent
                self.ledger.put_back(clip, self.run)
            self._lose(site, error)  # whether it was queued is asked when the server is back
        except (RefusedError, OutputError) as error:
            site.mine.pop(identity, None)
            self._failed(clip, f"{site.server.url}: {error}", again=isinstance(error, OutputError))

    async def _adopted(self, clip: Entry) -> bool:
        """Whether this row, queued by a batch that was killed, is still on a server or done there."""
        for site in self.sites:
            for attempt in range(1, clip.attempts + 1 if site.up else 1):
                identity = _identity(clip, attempt)
                with suppress(*GONE, OutputError):
                    running, pending = await site.server.queued()
                    entry = await site.server.history(identity)
                    if identity in (*running, *pending) or (entry and not failure_of(entry)):
                        site.mine[identity] = InWork(clip, time.monotonic())
                        await self._settle(site)
                        return True
        return False

    async def _watch(self, site: Site) -> None:
        """Follow a server's websocket, through its restarts."""
        while True:
            try:
                async for ended in site.server.endings():
                    if not site.up:
                        site.up = await site.server.is_up()  # what a killed server has said before does not count
                        if site.up:
                            site.uploaded.clear()  # another machine may answer now
                            await self._settle(site)
                    elif ended in site.mine:
                        await self._settle(site)
                    self.changed.set()
            except (*GONE, OSError, asyncio.TimeoutError) as error:
                self._lose(site, error)
            else:
                self._lose(site)
            await asyncio.sleep(RECONNECT)

    def _lose(self, site: Site, reason: BaseException | None = None) -> None:
        if site.up:
            why = f" ({type(reason).__name__}: {reason})" if reason else ""
            log.warning("%s is gone%s; rows that wait for it: %d", site.server.url, why, len(site.mine))
            site.up, site.gone_since = False, time.monotonic()

    def _give_up_the_lost(self) -> None:
        """Rows of a server that stays away wait for any; the batch ends when none has been there for that long."""
        gone = [site for site in self.sites if not site.up and time.monotonic() - site.gone_since > GIVE_UP]
        for site in gone:
            for work in site.mine.values():
                self.ledger.put_back(work.clip, self.run)
            site.mine.clear()
        if len(gone) == len(self.sites):
            raise OutputError(
                f"No ComfyUI has answered for {GIVE_UP:.0f} s. Start it and run the same command again: it goes on from here."
            )

    async def _settle(self, site: Site) -> None:
        """Look what has become of our rows on a server."""
        async with self.one_at_a_time:  # complete files of the same name lie in one folder
            try:
                running, pending = await site.server.queued()
                for identity, work in list(site.mine.items()):
                    if identity in (*running, *pending):
                        continue
                    entry = await site.server.history(identity)
                    if entry is not None:
                        await self._complete(site, identity, work, entry)
                    elif identity in site.mine:
                        await self._forgotten(site, identity, work)
            except (*GONE, OutputError) as error:
                self._lose(site, error)
        self.changed.set()

    async def _forgotten(self, site: Site, identity: str, work: InWork) -> None:
        """A row that the server does not know: its queue was in memory when it restarted."""
        del site.mine[identity]
        if work.forgotten:
            self._failed(work.clip, f"{site.server.url} forgot it twice (does it crash on it?)", again=True)
        else:
            await self._queue(site, work.clip, forgotten=1)

    async def _complete(self, site: Site, identity: str, work: InWork, entry: Mapping[str, Any]) -> None:
        reason = failure_of(entry)
        if not reason:
            try:
                await self._fetch(site, work, files_of(entry))
            except OutputError as error:
                if is_full(error):
                    log.warning("%s; the row waits until there is room", error)
                    return  # it stays on the server, and is asked for again
                reason = str(error)
        del site.mine[identity]
        if reason:
            self._failed(work.clip, f"{site.server.url}: {reason}", again="interrupted" not in reason)

    async def _fetch(self, site: Site, work: InWork, files: list[dict[str, str]]) -> None:
        """Bring a row's results here: the file of its kind under its name, others beside it.  Raises OutputError."""
        output = Path(work.clip.output)
        files = sorted(files, key=lambda file: Path(file["filename"]).suffix.lower() != output.suffix.lower())
        if not files or Path(files[0]["filename"]).suffix.lower() != output.suffix.lower():
            made = ", ".join(file["filename"] for file in files) or "none"
            raise OutputError(f"the workflow made no {output.suffix} file for {output} (files: {made})")
        place = self.ledger.work_folder(self.run)
        try:
            place.mkdir(parents=True, exist_ok=True)
            for number, file in list(enumerate(files))[::-1]:  # the row's own last: with it the row is done
                name = f"{output.stem}_{number + 1}{Path(file['filename']).suffix}" if number else output.name
                await site.server.download(file, place / name)
                if number:
                    put_in_place(place / name, self._place_beside(output.with_name(name), place / name))
            figures = _figures(place / output.name, site.server.url)
            taken = round(time.monotonic() - work.since, 3)
            self.ledger.finish(work.clip, self.run, place / output.name, figures, taken)
        except OSError as error:
            raise OutputError(f"{output} cannot be written ({error.strerror}). Free some space.") from error

    def _place_beside(self, wanted: Path, complete: Path) -> Path:
        """Where a further result goes: under the name that is wanted, or a longer one where that is a row's or another file has it."""
        for number in count():
            name = wanted.with_stem(f"{wanted.stem}_{number}") if number else wanted
            target = self.ledger.folder / name
            free = not target.exists() or (target.is_file() and cmp(target, complete, shallow=False))
            if free and not self.ledger.knows(name.as_posix()):
                return target
        raise AssertionError("names never end")

    def _failed(self, clip: Entry, reason: str, again: bool) -> None:
        self.ledger.fail(clip, self.run, reason, again and clip.attempts < self.tries)

    async def _leave(self, site: Site) -> None:
        """Take what is left of ours out of a server's queue."""
        if site.mine and site.up:
            with suppress(*GONE, asyncio.TimeoutError, OutputError):
                await asyncio.wait_for(site.server.remove(list(site.mine)), GOODBYE)
        await site.server.close()


def _identity(clip: Entry, attempt: int) -> str:
    return str(uuid.uuid5(PROMPTS, f"{clip.key} {clip.output} {attempt}"))


def _figures(path: Path, url: str) -> dict[str, Any]:
    """What the report tells of a file.  Raises OutputError for a video that cannot be read."""
    figures: dict[str, Any] = {"bytes": path.stat().st_size, "notes": [f"made by {url}"]}
    if path.suffix.lower() in PLAYABLE:
        video = probe(path)
        figures |= {"duration": round(video.duration, 3), "width": video.width, "height": video.height}
    return figures


def run_queue(make: Callable[[], ComfyQueue], folder: Path, run: str, tell: Report) -> State:
    """Work a queue off in an event loop of its own, while the ledger hears that its owner lives."""

    async def whole() -> State:
        return await make().work_off(tell)

    with beating(folder, [run]):
        return asyncio.run(whole())
