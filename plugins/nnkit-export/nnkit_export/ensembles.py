"""What makes one prediction of those of several networks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import nnkit
from nnkit_export.errors import ExportError

__all__ = ["combined", "members_of"]


def members_of(network: nnkit.Network | nnkit.Ensemble) -> Sequence[nnkit.Network]:
    """The networks of an ensemble, or the network alone.

    Raises:
        ExportError: When the networks do not read the same columns, or differ in their dtype.
    """
    if not isinstance(network, nnkit.Ensemble):
        return (network,)
    first, *others = network.networks
    for place, other in enumerate(others, start=1):
        if other.dtype != first.dtype or other.model.description.columns != first.model.description.columns:
            raise ExportError(
                f"network {place} of the ensemble differs from the first in its dtype or its column plan; one graph "
                "needs the same inputs for all: export the networks one by one"
            )
    return network.networks


def combined(network: nnkit.Network | nnkit.Ensemble, predictions: Sequence[Any]) -> Any:
    """The prediction ``(N, K)`` from that of each network: arrays of numpy, or recorded ones.

    The operations are those that each target has; ``Ensemble.predict`` computes the same with numpy's own.
    """
    if not isinstance(network, nnkit.Ensemble):
        return predictions[0]
    if network.combine == "median":
        total = _median(list(predictions))
    elif network.model.loss.prediction_domain == "log_simplex":
        largest = functools.reduce(np.maximum, predictions)
        total = np.log(_mean([np.exp(prediction - largest) for prediction in predictions])) + largest
    else:
        total = _mean(predictions)
    if network.limits is None or network.limits.target_low.shape != total.shape[1:]:
        return total
    low, high = (bound.astype(total.dtype) for bound in network.limits.target_bounds)
    return np.minimum(np.maximum(total, low), high)


def _mean(values: Sequence[Any]) -> Any:
    return functools.reduce(operator.add, values) * (1.0 / len(values))


def _median(values: list[Any]) -> Any:
    """By exchanging neighbours until they are sorted: as many rounds as there are values."""
    for first in range(len(values)):
        for place in range(first % 2, len(values) - 1, 2):
            below, above = values[place], values[place + 1]
            values[place : place + 2] = np.minimum(below, above), np.maximum(below, above)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else 0.5 * (values[middle - 1] + values[middle])
