"""What clips of a batch share, and what may go wrong when a finished one gets its name."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from sonic_core.job import Job
from sonic_core.jobs.batch import Crew
from sonic_core.jobs.ledger import FAILED, WAITING, Ledger, Planned
from sonic_core.jobs.making import ENGINES_KEPT, Bench
from sonic_core.samples import PORTRAIT, SPEECH


def test_engines_that_were_not_used_for_longest_make_room_for_others(monkeypatch):
    loaded, resting = [], []

    def load(name, **options):
        engine = SimpleNamespace(encoder=options["encoder"], folders=options["folders"])
        engine.rest = lambda: resting.append(engine)
        loaded.append(engine)
        return engine

    monkeypatch.setattr("sonic_core.engines.registry.load_engine", load)
    monkeypatch.setattr("sonic_core.pipeline.portrait_for", lambda job: (None, None))
    bench, folders = Bench(), "aabacabc"  # a is used most
    for folder in folders:
        options = {"encoder": "whisper", "folders": [Path(folder)]}
        assert bench.load(Job(PORTRAIT, SPEECH, options=options)).engine.folders == (Path(folder),)
        assert len(bench.engines) <= ENGINES_KEPT
    names = [engine.folders[0].name for engine in loaded]
    assert names == ["a", "b", "c", "b", "c"]
    assert [engine.folders[0].name for engine in resting] == ["b", "c", "a"]


@pytest.mark.parametrize(("number", "again"), [(errno.EIO, False), (errno.ENOSPC, True)])
def test_a_file_that_cannot_take_its_name_fails_its_row_and_not_the_batch(tmp_path, monkeypatch, number, again):
    pytest.importorskip("ray")
    from sonic_core.jobs import ray_pool

    def refuse(*_):
        raise OSError(number, "the disk of the network")

    monkeypatch.setattr("sonic_core.jobs.ledger.put_in_place", refuse)
    monkeypatch.setattr(ray_pool.time, "sleep", lambda _: None)
    ledger = Ledger(tmp_path)
    run = ledger.enlist()
    ledger.plan(run, [Planned("a.mp4", 0, "k", "{}")])
    pool = ray_pool.RayPool(ledger, run, Crew(tries=1), ray_pool.Cluster())
    told = {"name": "a.mp4", "figures": {}, "seconds": 1.0}
    slot = pool.slots[0]
    pool._note(slot, ledger.claim(run, slot.owner), told)
    assert ledger.entry("a.mp4").state == (WAITING if again else FAILED)
    if again:  # but not for ever
        monkeypatch.setattr(ray_pool, "WAIT_FOR_ROOM", -1.0)
        pool._note(slot, ledger.claim(run, slot.owner), told)
        assert ledger.entry("a.mp4").state == FAILED
    ledger.close()
