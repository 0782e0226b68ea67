"""Seconds for 100 networks of 2-8-4-2: ``fit`` after ``fit`` without the epoch kernel, with it, and ``fit_many``.

Run at rest, with nnkit-numba installed: ``python benchmarks/many_networks.py [epochs] [samples]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import nnkit
from nnkit.inference import compiled

NETWORKS, TURNS = 100, 3


def main(epochs: int = 10, samples: int = 2_000) -> None:
    """Print the least of a few turns of each way, which alternate, and check that all parameters are the same."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 2), dtype=np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    options = {"epochs": epochs, "batch_size": 64}
    offer = compiled.epoch_kernel

    def networks() -> list[nnkit.Network]:
        return [
            nnkit.Network([2, 8, 4, 2], output_activation="softmax", loss="sparse_categorical_crossentropy", seed=seed)
            for seed in range(NETWORKS)
        ]

    def one_by_one() -> list[nnkit.Network]:
        trained = networks()
        for net in trained:
            net.fit(x, y, **options)
        return trained

    def step_by_step() -> list[nnkit.Network]:
        compiled.epoch_kernel = lambda *_: None
        try:
            return one_by_one()
        finally:
            compiled.epoch_kernel = offer

    def at_once() -> list[nnkit.Network]:
        return list(nnkit.fit_many(networks(), x, y, jobs=2, **options).networks.values())

    ways = {"compiled parts, fit after fit": step_by_step, "epoch kernel, fit after fit": one_by_one,
            "epoch kernel, fit_many on two threads": at_once}  # fmt: skip
    least = dict.fromkeys(ways, float("inf"))
    results = {}
    for _ in range(TURNS):
        for name, way in ways.items():
            began = time.perf_counter()
            results[name] = way()
            least[name] = min(least[name], time.perf_counter() - began)
    _, alone, many = results.values()
    assert all(np.array_equal(a.parameters, b.parameters) for a, b in zip(alone, many, strict=True))
    slowest = max(least.values())
    for name, seconds in least.items():
        print(f"{name}: {seconds:.3f} s, {slowest / seconds:.2f} times as fast")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
