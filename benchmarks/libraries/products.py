"""The floor: the matrix products of a step alone, by numpy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import JACOBIANS, NETWORKS, Training, weights


def version() -> str:
    return f"numpy {np.__version__}"


def train(load: Training) -> Callable[[int], Any]:
    """Forward, weight gradients, and input gradients but the lowest: all batches of the epochs."""
    layers = [w for w, _ in weights(load.widths)]
    rest = load.samples % load.batch
    plans = [(_products(layers, load.batch), load.samples // load.batch)]
    if rest:
        plans.append((_products(layers, rest), 1))

    def run(epochs: int) -> None:
        for _ in range(epochs):
            for calls, times in plans:
                for _ in range(times):
                    for dot, other, out in calls:
                        dot(other, out)

    return run


def _products(layers: list[np.ndarray], rows: int) -> list[tuple[Any, ...]]:
    widths = [layers[0].shape[0], *(w.shape[1] for w in layers)]
    seen = [np.full((rows, width), 0.01, np.float32) for width in widths]
    out = [np.empty_like(a) for a in seen]
    calls: list[tuple[Any, ...]] = [(seen[i].dot, w, out[i + 1]) for i, w in enumerate(layers)]
    for i in reversed(range(len(layers))):
        calls.append((seen[i].T.dot, seen[i + 1], np.empty_like(layers[i])))
        if i:
            calls.append((seen[i + 1].dot, layers[i].T, out[i]))
    return calls


def infer(name: str, rows: int) -> Callable[[int], Any]:
    """The forward products."""
    layers = [w for w, _ in weights(NETWORKS[name])]
    seen = [np.full((rows, width), 0.01, np.float32) for width in NETWORKS[name]]

    def run(times: int) -> None:
        for _ in range(times):
            for i, w in enumerate(layers):
                seen[i].dot(w, seen[i + 1])

    return run


def five_lm_steps(name: str) -> Callable[[int], Any]:
    """``J^T J`` and the solution of its system, five times."""
    widths, samples = JACOBIANS[name]
    size = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    jacobian = np.random.default_rng(0).standard_normal((samples * widths[-1], size))

    def run(times: int) -> None:
        for _ in range(5 * times):
            normal = jacobian.T @ jacobian
            normal.flat[:: size + 1] += 1.0
            np.linalg.solve(normal, jacobian[0])

    return run
