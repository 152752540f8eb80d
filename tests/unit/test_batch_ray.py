"""Batches on a Ray cluster for real: actors, and whole nodes, are killed while they make clips."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import time

import pytest
from batch_runs import LIMIT, POSIX, ROOT, SHORT, TIDY, clips, ended, rest, started, states, table

from sonic_core import cli
from sonic_core.errors import OutputError
from sonic_core.media.probe import probe
from sonic_core.samples import SPEECH


def maker(process: subprocess.Popen[str], of: int = 0, but: int = 0) -> int:
    """Process id of a Ray actor of this test that makes a clip; waits for one.  of: a raylet, 0 = any.  but: not this one."""
    psutil, end = pytest.importorskip("psutil"), time.monotonic() + LIMIT
    test = os.environ["PYTEST_CURRENT_TEST"]
    while time.monotonic() < end and process.poll() is None:
        for actor in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                makes = "ClipMaker.make" in " ".join(actor.cmdline()) and actor.pid != but
                if makes and (
                    actor.ppid() == of if of else actor.parent().environ().get("PYTEST_CURRENT_TEST") == test
                ):
                    return actor.pid
        time.sleep(0.05)
    raise AssertionError(f"no actor began: {process.communicate(timeout=LIMIT)}")


@POSIX
def test_a_ray_actor_that_is_killed_loses_no_clip(tmp_path):
    pytest.importorskip("ray")
    jobs = table(tmp_path, *(row.replace(str(SPEECH), SPEECH.as_uri()) for row in clips(5)))
    out = tmp_path / "out"
    process = started(jobs, "--output", out, "--ray", "--workers", "2", "--cpus-per-worker", "0.5", *SHORT)
    os.kill(maker(process), signal.SIGKILL)
    code, answer = ended(process)
    assert (code, answer["done"], answer["failed"]) == (0, 5, 0)
    assert set(states(out).values()) == {("done", 1)}
    assert {path.name for path in out.glob("*.mp4")} == {f"clip{i}.mp4" for i in range(5)}
    assert all(probe(path).frames == 10 for path in out.glob("*.mp4"))
    assert rest(out) == TIDY


@pytest.mark.parametrize("slow", [2, 3])
def test_a_cluster_that_is_slow_to_start_is_started_again_and_told_in_the_end(monkeypatch, caplog, slow):
    ray, starts = pytest.importorskip("ray"), []
    from sonic_core.jobs import ray_cluster

    def init(*_, **__):  # Ray's own answer after 30 s
        starts.append(os.environ["RAY_gcs_server_port_wait_time_s"])  # noqa: SIM112 - its name
        if len(starts) <= slow:
            raise TimeoutError("The current node timed out during startup.")

    for name in ray_cluster.PATIENCE:
        monkeypatch.setenv(name, "7")  # the user's own stays
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    ending = pytest.raises(OutputError, match="timed out during startup") if slow == 3 else contextlib.nullcontext()
    with ending, ray_cluster.connected(ray_cluster.Cluster(), 2):
        pass
    assert starts == ["7"] * 3
    assert caplog.text.count("it is started again") == 2


def test_a_cluster_that_is_started_here_reports_to_nobody(monkeypatch):
    ray = pytest.importorskip("ray")
    usage = pytest.importorskip("ray._common.usage.usage_lib")
    from sonic_core.jobs import ray_cluster

    for name in (*ray_cluster.PATIENCE, "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "")  # for the end of the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    reports = []
    monkeypatch.setattr(ray, "init", lambda *_, **__: reports.append(usage.usage_stats_enabled()))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with ray_cluster.connected(ray_cluster.Cluster(), 1):
        pass
    assert reports == [False]


def test_more_than_the_cluster_has_is_told(tmp_path, monkeypatch, capsys):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(ray, "init", lambda *_, **__: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0, "node:127.0.0.1": 1.0})  # of one that was begun
    out, more = tmp_path / "out", ("--ray", "--gpus-per-worker", "99", "--json")
    assert cli.main(["batch", *map(str, (table(tmp_path, *clips(1)), "--output", out, *more, *SHORT))]) == 2
    assert "want 99 GPUs" in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]
    assert rest(out) == TIDY - {"report.csv", "report.html"}


@POSIX
@pytest.mark.slow
def test_a_row_whose_actors_die_is_reported_after_one_more_try(tmp_path):
    pytest.importorskip("ray")
    out = tmp_path / "out"
    jobs = table(tmp_path, f"{clips(1)[0]},4.5", columns="image,audio,output,seed,duration")
    process = started(jobs, "--output", out, "--ray", *SHORT)
    first = maker(process)
    os.kill(first, signal.SIGKILL)
    os.kill(maker(process, but=first), signal.SIGKILL)
    code, answer = ended(process)
    assert (code, answer["done"], answer["failed"]) == (1, 0, 1)
    with (out / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "the actor that made it died 2 time(s)" in row["error"]
    assert rest(out) == TIDY


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two nodes, each with room for one worker: its address, and the process id of the second node's raylet."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the actors' way to the package
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    yield cluster.address, node.all_processes["raylet"][0].process.pid
    cluster.shutdown()


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(("retries", "whole"), [(0, False), (1, True)])
def test_a_node_that_is_killed_loses_no_clip(tmp_path, two_nodes, retries, whole):
    address, raylet = two_nodes
    out = tmp_path / "out"
    crew = ("--workers", "2", "--retries", retries)
    process = started(table(tmp_path, *clips(6)), "--output", out, "--ray", address, *crew, *SHORT)
    actor = maker(process, of=raylet)
    os.kill(raylet, signal.SIGKILL)
    if whole:  # alone it leaves its actor the time to end a short clip, now and then
        os.kill(actor, signal.SIGKILL)
    code, answer = ended(process)
    assert (code, answer["done"], answer["failed"]) == (0, 6, 0)
    assert set(states(out).values()) == {("done", 1)}
    assert {path.name for path in out.glob("*.mp4")} == {f"clip{i}.mp4" for i in range(6)}
    assert all(probe(path).frames == 10 for path in out.glob("*.mp4"))
    assert rest(out) == TIDY
