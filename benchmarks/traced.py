"""What nnkit-numba gains by compiling the formulas of activations that it does not know, as nnkit-export traces them.

Trainings of 784-512-512-10 on random rows, float32, Adam, batches of 32; an epoch of 64 batches with loops and one
without in turns, a fresh pair of networks for each activation. Needs nnkit-numba and nnkit-export.

    python benchmarks/traced.py
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from typing import Any
from unittest import mock

import numpy as np

import nnkit

BATCH, BATCHES = 32, 64


def network(activation: str) -> nnkit.Network:
    """The network of the largest layers in ``bench.py`` that a small machine trains in a second."""
    return nnkit.Network(
        [784, 512, 512, 10],
        hidden_activation=activation,
        output_activation="softmax",
        loss="sparse_categorical_crossentropy",
        dtype="float32",
        seed=0,
    )


def epoch(net: nnkit.Network, X: Any, y: Any, *, loops: bool) -> float:
    """Seconds of one epoch."""
    tracer = importlib.util.find_spec("nnkit_export") if loops else None
    with mock.patch("importlib.util.find_spec", return_value=tracer):
        began = time.perf_counter()
        net.fit(X, y, epochs=1, batch_size=BATCH)
    return time.perf_counter() - began


def main() -> None:
    """One line for each activation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("activations", nargs="*", default=["mish", "silu", "gelu", "softsign", "softplus"])
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(BATCH * BATCHES, 784)).astype(np.float32)
    y = rng.integers(0, 10, len(X))
    for name in arguments.activations:
        nets = {True: network(name), False: network(name)}
        turns = [{loops: epoch(net, X, y, loops=loops) for loops, net in nets.items()} for _ in range(arguments.turns)]
        seconds = {loops: statistics.median(turn[loops] for turn in turns[1:]) for loops in nets}
        print(f"{name}: {1e3 * seconds[True]:.0f} ms an epoch, without {1e3 * seconds[False]:.0f}", end=", ")
        print(f"{seconds[False] / seconds[True]:.2f} x")


if __name__ == "__main__":
    main()
