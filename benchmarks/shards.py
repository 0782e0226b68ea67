"""What a call over shards costs on Dask, and from how many rows on it pays; two minutes on two idle cores.

    pip install ./plugins/nnkit-dask
    OPENBLAS_NUM_THREADS=1 python benchmarks/shards.py

Prints the cost of a call by the number of shards and by the size of what each sends, the time of a row in one process,
and the table of docs/more-machines.md. Each time is the least of its repetitions. Run it at rest: every call passes
through four processes, so other programs multiply its time.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numpy as np
from distributed import Client, LocalCluster

import nnkit
from nnkit.core.sharded import results
from nnkit_dask import DaskShards

REPEATS = 40
SHARDS = (1, 2, 4, 8, 16)
SIZES = (1, 1_000, 10_000, 100_000, 1_000_000, 4_000_000)
WIDTHS = {"10-8-1": 97, "10-30-30-1": 1_291, "50-100-100-1": 15_301}
WORKERS = (2, 8, 32)


def least(call: Callable[[], object], repeats: int = REPEATS, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the fastest call."""
    times = []
    for _ in range(repeats):
        begin = clock()
        call()
        times.append(clock() - begin)
    return min(times)


def load(index: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((1, 1)), np.zeros((1, 1))


def zeros(shard: object, size: int) -> np.ndarray:
    return np.zeros(size)


def own(shard: object) -> object:
    return shard


def per_row(name: str, method: str, rows: int) -> float:
    """Seconds a row of a method of the objective, in one process and one thread."""
    widths = [int(width) for width in name.split("-")]
    net = nnkit.Network(widths, hidden_activation="tanh", seed=0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, widths[0]))
    objective = net.objective(X, X[:, :1])
    return least(lambda: getattr(objective, method)(net.parameters), 5, time.process_time) / rows


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        print("\nshards   ms a call")
        costs = {}
        for count in SHARDS:
            held = DaskShards(load, count, client=client).map(own)
            costs[count] = least(lambda held=held: list(results(held, zeros, 1)))
            print(f"{count:6d}   {1e3 * costs[count]:.1f}")
        print("\nfloats from each of 4 shards   ms a call")
        held = DaskShards(load, 4, client=client).map(own)
        sent = {}
        for size in SIZES:
            sent[size] = least(lambda size=size: list(results(held, zeros, size)), 5 if size > 100_000 else 15)
            print(f"{size:28,d}   {1e3 * sent[size]:.1f}")
    per_shard = (costs[16] - costs[4]) / 12
    fixed = costs[4] - 4 * per_shard
    per_float = max(sent[4_000_000] - sent[1], 0.0) / (4 * 4_000_000)
    print(f"\nmodel: {1e3 * fixed:.1f} ms + {1e3 * per_shard:.2f} ms a shard + {1e9 * per_float:.1f} ns a float")
    heads = " | ".join(f"{workers} workers" for workers in WORKERS)
    print(f"\n| network | `P` | method | us a row | {heads} |\n|---|---|---|---|{'---|' * len(WORKERS)}")
    for name, count in WIDTHS.items():
        for method, rows, size in (("value_and_gradient", 20_000, count), ("gauss_newton", 4_000, count * count)):
            if size > 10_000_000:
                continue
            row = per_row(name, method, rows)
            ends = []
            for workers in WORKERS:
                overhead = fixed + workers * (per_shard + size * per_float)
                rows_needed = overhead / (row * (1 - 1 / workers))
                ends.append(f"{rows_needed:,.0f}")
            print(f"| {name} | {count:,} | `{method}` | {1e6 * row:.2g} | {' | '.join(ends)} |")


if __name__ == "__main__":
    main()
