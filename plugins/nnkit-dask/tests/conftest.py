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
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", memory_limit=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def running(client):
    return client.scheduler_info(n_workers=-1)["workers"]


def wait_for(client, count):
    deadline = time.monotonic() + 120
    while len(running(client)) != count:
        assert time.monotonic() < deadline, f"{len(running(client))} workers instead of {count}"
        time.sleep(0.05)


@pytest.fixture
def workers(cluster):
    """``workers(2)`` is a client of two workers; with one that was killed, all of them are new."""

    def exactly(count):
        if len(running(cluster)) != len(cluster.cluster.workers) or cluster in HURT:
            HURT.discard(cluster)
            cluster.cluster.scale(0)
            wait_for(cluster, 0)
        cluster.cluster.scale(count)
        wait_for(cluster, count)
        return cluster

    return exactly


HURT = set()
"""Clusters of which a worker was killed, and may be on its way back."""


@pytest.fixture
def kill():
    """End a worker that has data, with SIGKILL."""

    def one(client):
        processes = client.run(os.getpid)
        stored = {worker: len(keys) for worker, keys in client.has_what().items()}
        victim = max(stored, key=stored.get)
        assert stored[victim] > 0
        HURT.add(client)
        os.kill(processes[victim], signal.SIGKILL)
        return victim

    return one
