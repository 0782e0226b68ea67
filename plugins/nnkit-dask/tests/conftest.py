"""One real cluster of processes for all tests; each test asks for the number of workers that it needs."""

import os
import signal
import time

import dask
import pytest
from distributed import Client, LocalCluster

QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.event-loop-monitor-interval": "10s",
}
"""What a cluster does beside its tasks takes half of a busy machine."""


@pytest.fixture(scope="session")
def cluster():
    with (
        dask.config.set(QUIET),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def workers(cluster):
    """``workers(2)`` is a client of two workers; waits until others have ended, and those that were killed are back."""

    def exactly(count):
        cluster.cluster.scale(count)
        cluster.wait_for_workers(count, timeout=120)
        deadline = time.monotonic() + 120
        while len(cluster.scheduler_info(n_workers=-1)["workers"]) != count:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return cluster

    return exactly


@pytest.fixture
def kill():
    """End a worker that has data, with SIGKILL."""

    def one(client):
        processes = client.run(os.getpid)
        stored = {worker: len(keys) for worker, keys in client.has_what().items()}
        victim = max(stored, key=stored.get)
        assert stored[victim] > 0
        os.kill(processes[victim], signal.SIGKILL)
        return victim

    return one
