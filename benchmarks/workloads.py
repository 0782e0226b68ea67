"""What is measured: six trainings, two networks that are asked, and data that cost nothing to make."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Training:
    """A network, its batch and its data: float32, relu, softmax cross-entropy of labels, Adam."""

    widths: tuple[int, ...]
    batch: int
    samples: int

    @property
    def steps(self) -> int:
        """Batches of an epoch, the smaller last one included."""
        return -(-self.samples // self.batch)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.samples, self.widths[0]), dtype=np.float32)
        return x, rng.integers(0, self.widths[-1], self.samples)


TRAININGS = {
    "2-8-4-2": Training((2, 8, 4, 2), 64, 20_000),
    "64-64-10": Training((64, 64, 10), 32, 1_797),
    "784-128-10": Training((784, 128, 10), 128, 12_800),
    "784-512-512-10": Training((784, 512, 512, 10), 128, 6_400),
    "784-2048-2048-10": Training((784, 2048, 2048, 10), 256, 2_560),
    "256-256-1000": Training((256, 256, 1000), 128, 6_400),
}
SCALING = {
    "512 wide, 4 hidden, 6400": Training((512, 512, 512, 512, 512, 10), 128, 6_400),
    "twice the samples": Training((512, 512, 512, 512, 512, 10), 128, 12_800),
    "twice the width squared": Training((724, 724, 724, 724, 724, 10), 128, 6_400),
    "twice the depth": Training((512,) * 9 + (10,), 128, 6_400),
}
"""The first, and what should take twice as long."""

LARGEST = ("784-512-512-10", "784-2048-2048-10", "256-256-1000")

NETWORKS = {"64-64-10": (64, 64, 10), "784-512-512-10": (784, 512, 512, 10)}
ROWS = (1, 32, 10_000)

JACOBIANS = {"8-32-32-1": ((8, 32, 32, 1), 1_000), "16-64-4": ((16, 64, 4), 500)}
"""Widths and samples; tanh, linear outputs, half squared error, float64."""


def weights(widths: tuple[int, ...], dtype: str = "float32") -> list[tuple[np.ndarray, np.ndarray]]:
    """The same weights for every library."""
    rng = np.random.default_rng(1)
    return [
        ((rng.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)).astype(dtype), np.zeros(fan_out, dtype))
        for fan_in, fan_out in itertools.pairwise(widths)
    ]


def repeated(times: int, call: Callable[[], object]) -> object:
    """Call so often; unused memory is released, so that no library is measured with fresh memory."""
    for _ in range(times):
        found = call()
    return found
