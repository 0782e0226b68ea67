"""``network.predictor()`` with nnkit-numba: weights packed once, one compiled call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import NETWORKS, repeated, weights

import nnkit
from libraries.nnkit_numba import version

__all__ = ["infer", "version"]


def infer(name: str, rows: int) -> Callable[[int], Any]:
    net = nnkit.Network(list(NETWORKS[name]), output_activation="softmax", dtype="float32", seed=0)
    net.parameters = net.layout.flatten([array for pair in weights(NETWORKS[name]) for array in pair])
    predictor = net.predictor()
    assert predictor.compiled
    x = np.random.default_rng(0).standard_normal((rows, NETWORKS[name][0]), dtype=np.float32)
    return lambda times: repeated(times, lambda: predictor.predict(x))
