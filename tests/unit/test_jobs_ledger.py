"""The ledger: each clip has one owner, and whoever dies at whichever step, the clip is made once."""

import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from sonic_core.errors import OutputError
from sonic_core.jobs import store
from sonic_core.jobs.batch import start_process
from sonic_core.jobs.ledger import DONE, FAILED, FINISHING, WAITING, WORKING, Ledger, Planned


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


def planned(ledger, count=3, key="k"):
    run = ledger.enlist()
    ledger.plan(run, [Planned(f"{i}.mp4", i, f"{key}{i}", "{}") for i in range(count)])
    return run


def made(ledger, owner, name, content=b"video"):
    folder = ledger.work_folder(owner)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def die(ledger, owner):
    """As if the owner's process had ended: the process id of one that did."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    ledger.db.execute("update owners set pid = ? where id = ?", (process.pid, owner))


def test_many_claimants_never_get_the_same_clip(ledger):
    run, claimed = planned(ledger, 60), []

    def work():
        mine = Ledger(ledger.folder)
        owner = mine.enlist()
        while clip := mine.claim(run, owner):
            claimed.append(clip.output)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(claimed) == sorted(f"{i}.mp4" for i in range(60))


def test_the_clip_of_a_dead_owner_waits_again_and_fails_after_its_tries(ledger):
    run = planned(ledger, 1)
    for state in (WAITING, FAILED):
        owner = ledger.enlist()
        assert ledger.claim(run, owner).output == "0.mp4"
        made(ledger, owner, "0.mp4")
        die(ledger, owner)
        assert ledger.recover(tries=2) == ["0.mp4"]
        assert ledger.counts(run)[state] == 1
        assert not ledger.work_folder(owner).exists()
    assert "ended 2 time(s)" in ledger.entry("0.mp4").error


@pytest.mark.parametrize("renamed", [False, True])
def test_an_owner_that_dies_while_finishing_is_finished_for(ledger, renamed):
    run, owner = planned(ledger, 1), ledger.enlist()
    clip = ledger.claim(run, owner)
    complete = made(ledger, owner, "0.mp4")
    assert ledger._finishing(clip, owner, {"frames": 1}, 1.0)
    if renamed:
        complete.rename(ledger.folder / "0.mp4")
    die(ledger, owner)
    ledger.recover(tries=2)
    assert ledger.entry("0.mp4").state == DONE
    assert (ledger.folder / "0.mp4").read_bytes() == b"video"


def test_who_lost_its_claim_cannot_finish(ledger):
    run, slow, quick = planned(ledger, 1), ledger.enlist(), ledger.enlist()
    clip = ledger.claim(run, slow)
    ledger.db.execute("update owners set beat = 0 where id = ?", (slow,))
    ledger.recover(tries=2)
    again = ledger.claim(run, quick)
    assert ledger.finish(again, quick, made(ledger, quick, "0.mp4", b"second"), {}, 1.0)
    assert not ledger.finish(clip, slow, made(ledger, slow, "0.mp4", b"first"), {}, 1.0)
    assert (ledger.folder / "0.mp4").read_bytes() == b"second"


def test_planning_again_keeps_what_is_done_and_begins_what_has_changed(ledger):
    run, owner = planned(ledger, 2), ledger.enlist()
    while clip := ledger.claim(run, owner):
        ledger.finish(clip, owner, made(ledger, owner, clip.output), {}, 1.0)
    assert ledger.counts(planned(ledger, 2))[DONE] == 2
    (ledger.folder / "1.mp4").unlink()
    assert ledger.counts(planned(ledger, 2))[WAITING] == 1
    assert ledger.counts(planned(ledger, 2, key="other"))[WAITING] == 2


def test_two_runs_of_the_same_clips_share_them(ledger):
    first, second, owner = planned(ledger, 2), planned(ledger, 2), ledger.enlist()
    assert ledger.claim(first, owner).output == "0.mp4"
    third = planned(ledger, 2)
    assert ledger.claim(second, owner).output == "1.mp4"
    assert ledger.claim(third, owner) is None
    assert ledger.counts(third)[WORKING] == 2


def test_what_is_given_back_was_not_tried(ledger):
    run, owner = planned(ledger, 1), ledger.enlist()
    ledger.claim(run, owner)
    ledger.give_back(owner)
    assert (ledger.entry("0.mp4").state, ledger.entry("0.mp4").attempts) == (WAITING, 0)
    assert ledger.counts(run)[FINISHING] == 0


def test_a_clip_that_still_waits_is_made_from_where_its_files_lie_now(ledger):
    run, owner = ledger.enlist(), ledger.enlist()
    for job in ('{"picture": "old.png"}', '{"picture": "moved.png"}'):
        ledger.plan(run, [Planned("0.mp4", 0, "same content", job)])
    assert ledger.claim(run, owner).job == '{"picture": "moved.png"}'


def test_what_is_given_back_in_the_middle_of_finishing_is_finished(ledger):
    run, owner = planned(ledger, 1), ledger.enlist()
    clip = ledger.claim(run, owner)
    made(ledger, owner, "0.mp4")
    assert ledger._finishing(clip, owner, {}, 1.0)  # then Ctrl-C
    ledger.give_back(owner)
    assert ledger.entry("0.mp4").state == DONE
    assert (ledger.folder / "0.mp4").read_bytes() == b"video"


def test_a_complete_file_that_cannot_get_its_name_is_made_again(ledger, monkeypatch):
    run, owner = planned(ledger, 1), ledger.enlist()
    clip = ledger.claim(run, owner)
    made(ledger, owner, "0.mp4")
    (ledger.folder / "0.mp4").write_bytes(b"earlier")
    assert ledger._finishing(clip, owner, {}, 1.0)
    die(ledger, owner)

    def in_use(complete, target):
        raise PermissionError(13, "a player has it open")

    monkeypatch.setattr("sonic_core.jobs.ledger.put_in_place", in_use)
    ledger.recover(tries=2)
    assert ledger.entry("0.mp4").state == WAITING


def test_after_a_sleep_of_the_machine_nobody_is_taken_for_dead(ledger, monkeypatch):
    now = time.time()
    run, worker = planned(ledger, 2), ledger.enlist()
    ledger.claim(run, worker)
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert ledger.recover(tries=2) == []
    assert ledger.counts(run) == {WAITING: 1, WORKING: 1, FINISHING: 0, DONE: 0, FAILED: 0}
    ledger._attention._woke -= 3600  # they had the time to be heard of
    assert ledger.recover(tries=2) == ["0.mp4"]


def test_a_run_that_was_taken_for_dead_does_not_end_as_if_it_were_done(ledger):
    run = planned(ledger, 1)
    die(ledger, run)
    ledger.recover(tries=2)
    with pytest.raises(OutputError, match="Run the same command again"):
        ledger.counts(run)


def test_an_owner_that_was_taken_for_dead_is_missed_again_with_its_next_clip(ledger):
    run, owner = planned(ledger, 1), ledger.enlist()
    die(ledger, owner)
    ledger.recover(tries=2)
    assert ledger.claim(run, owner)
    die(ledger, owner)
    assert ledger.recover(tries=2) == ["0.mp4"]


def test_a_clip_whose_owner_nobody_knows_waits_again(ledger):
    run, owner = planned(ledger, 1), ledger.enlist()
    ledger.claim(run, owner)
    ledger.db.execute("delete from owners where id = ?", (owner,))
    assert ledger.recover(tries=2) == ["0.mp4"]


def test_a_file_that_is_no_ledger_is_told(tmp_path):
    (tmp_path / store.NAME).write_bytes(b"no database at all, only text that is long enough" * 20)
    with pytest.raises(OutputError, match="cannot be used"):
        Ledger(tmp_path)


def test_what_is_not_the_disks_fault_is_told_otherwise(ledger):
    ledger.db.execute("pragma query_only = 1")
    with pytest.raises(OutputError, match="nobody else holds it"):
        ledger.enlist()


def test_a_worker_is_told_its_share_of_the_cores_before_it_starts(monkeypatch):
    def popen(command, env, **options):
        raise InterruptedError(env["OMP_NUM_THREADS"], env["OPENBLAS_NUM_THREADS"])

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with pytest.raises(InterruptedError, match=r"3.*1"):
        start_process({"threads": 3})


def test_a_damaged_ledger_is_told_in_words(ledger, monkeypatch):
    def damaged(owner):
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(ledger, "_note_owner", damaged)
    with pytest.raises(OutputError, match="The ledger cannot be written: database disk image is malformed"):
        ledger.enlist()
