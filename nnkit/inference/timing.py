"""How long each layer takes, forward and backward."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
import numpy as np

from nnkit.core.layer_trace import LayerTrace
from nnkit.data.arrays import DataLike
from nnkit.errors import DataError
from nnkit.inference.fitted import Fitted

__all__ = ["LayerTime", "layer_times"]

MOST_ROUNDS = 200


@attrs.frozen
class LayerTime:
    """The time of one layer with its activation, in seconds for all rows.

    Args:
        title: ``"layer 0: Dense, Tanh"``.
        forward: Of the forward pass.
        backward: Of the gradients of inputs and parameters.
    """

    title: str
    forward: float
    backward: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.forward + self.backward


def layer_times(network: Fitted, X: DataLike, *, seconds: float = 0.2) -> list[LayerTime]:
    """The shortest of several measurements of each layer, by its plain numpy formulas, without compiled counterparts.

    Args:
        network: The network.
        X: The rows, ``(N, D)``.
        seconds: How long all measurements together last, about; positive.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    if not seconds > 0.0:
        raise DataError(f"seconds is {seconds}; expected a positive number")
    traces = network.trace(X)
    share = 0.5 * seconds / len(traces)
    return [_measured(layer, share) for layer in traces]


def _measured(layer: LayerTrace, seconds: float) -> LayerTime:
    plain, function = layer.layer.split()
    y, cache = plain.forward(layer.parameters, layer.inputs, training=False, rng=None)
    a = y if function is None else function.forward(y)
    ones = np.ones_like(a)

    def forward() -> None:
        output, _ = plain.forward(layer.parameters, layer.inputs, training=False, rng=None)
        if function is not None:
            function.forward(output)

    def backward() -> None:
        grad = ones if function is None else function.vjp(y, a, ones)
        plain.backward(layer.parameters, cache, grad)

    return LayerTime(layer.title, _shortest(forward, seconds), _shortest(backward, seconds))


def _shortest(call: Callable[[], None], seconds: float) -> float:
    shortest, end = np.inf, time.perf_counter() + seconds
    for _ in range(MOST_ROUNDS):
        began = time.perf_counter()
        call()
        now = time.perf_counter()
        shortest = min(shortest, now - began)
        if now > end:
            break
    return float(shortest)
