"""The Ray cluster of a batch: started or joined, what it has room for, which of its nodes are there."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from ..errors import OutputError, SettingsError

ANSWER = 2.0  # s within which a node that lives takes a connection
LOCAL = "local"
STARTS = 3
"""Times that a local cluster is started: Ray gives a node 30 s to come up, which a busy machine may exceed, and no setting for it."""
PATIENCE = {  # by default 30 s, 60 s, 60 s, 100 s, and 5 missed in a row
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_health_check_failure_threshold": "60",
}
"""How long the parts of a local cluster wait for each other: all of them are on one machine, where slow is not dead."""
SILENCE = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray would tell its makers of every cluster that it starts."""

log = logging.getLogger(__name__)
QUIETLY: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


@dataclass(frozen=True)
class Cluster:
    """address: of a running cluster ("auto": the one of this machine), LOCAL = start one here.  cpus, gpus: per worker, parts allowed."""

    address: str = LOCAL
    cpus: float = 1.0
    gpus: float = 0.0


def living() -> list[dict[str, Any]]:
    """The nodes that Ray takes for alive."""
    return [node for node in ray.nodes() if node["Alive"]]


def answers(node: dict[str, Any]) -> bool:
    """Whether a node takes connections: Ray notices only after some seconds that one does not."""
    with suppress(OSError), socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), ANSWER):
        return True
    return False


def places(cluster: Cluster) -> int:
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
        _start(max(1, math.ceil(workers * cluster.cpus - 1e-6)))
    else:
        try:
            ray.init(address=cluster.address, **QUIETLY)
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


def _start(cpus: int) -> None:
    """A new cluster on this machine, also beside another that runs here.  Raises OutputError with Ray's reason."""
    for name, value in {**PATIENCE, **SILENCE}.items():
        os.environ.setdefault(name, value)
    for left in reversed(range(STARTS)):
        try:
            ray.init("local", num_cpus=cpus, include_dashboard=False, **QUIETLY)
            return
        except Exception as error:  # Ray raises plain ones here
            ray.shutdown()
            if not left:
                raise OutputError(
                    f"Ray did not start on this machine, {STARTS} times: {type(error).__name__}: {error}. Run the same command again when "
                    "the machine has less to do, or without --ray: --workers N needs no cluster."
                ) from error
            log.warning("Ray did not start (%s); it is started again", error)
