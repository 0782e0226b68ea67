"""The scale of the targets: learned from the training rows, so that the loss sees targets near unit scale."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.model import Model
from nnkit.data.arrays import as_dtype
from nnkit.errors import DataError, SpecError
from nnkit.interfaces import Loss, TrainingData

__all__ = ["SCALINGS", "TargetScaling", "check_scaling", "in_scale", "with_scaling", "with_scaling_of"]

TargetScaling: TypeAlias = Literal["standardize", "minmax"]
"""Mean 0 and standard deviation 1 of each target column, or the range [-1, 1]."""

SCALINGS = ("standardize", "minmax")


def check_scaling(method: object, loss: Loss | None) -> None:
    """Refuse a scaling that does not exist, or a loss (``None`` while it is open) whose targets have no free unit.

    Raises:
        SpecError: Names the losses' trait, or the methods.
    """
    if method is None:
        return
    if method not in SCALINGS:
        raise SpecError(f"target_scaling is {method!r}; expected 'standardize', 'minmax' or None")
    if loss is not None and not loss.offers("unscale"):
        raise SpecError(
            f"target_scaling is {method!r}, and the targets of {type(loss).__name__} cannot be scaled: they are classes"
            " or counts, or their unit enters the loss; leave target_scaling out, or use 'mean_squared_error'"
            " (a loss of your own whose prediction is in the units of the target: derive it from LocationLoss)"
        )


def with_scaling(model: Model, method: TargetScaling | None, target: Array, weight: Array | None) -> Model:
    """The model with shift and scale of each target column, where it has none yet.

    ``standardize``: the mean and the standard deviation, weighted; ``minmax``: the middle and half of the range. Rows
    of weight 0 and missing targets do not count. The scale of a column that is constant is 1.

    Args:
        model: The structure.
        method: How; ``None`` leaves the model as it is.
        target: Targets of the training rows in their own units, ``(N, T)`` in float64.
        weight: ``(N,)``.

    Raises:
        DataError: When the range of a column is beyond float64.
    """
    return with_scaling_of(model, method, lambda function, *arguments: [function((None, target, weight), *arguments)])


def with_scaling_of(model: Model, method: TargetScaling | None, each: Callable[..., Iterable[Any]]) -> Model:
    """The same for targets that stand in several places.

    Args:
        model: The structure.
        method: How; ``None`` leaves the model as it is.
        each: ``each(function, *arguments)`` calls a function with ``(X, target, weight)`` of every place.

    Raises:
        DataError: When the range of a column is beyond float64.
    """
    if method is None or model.description.shift is not None:
        return model
    ranges = list(each(_range))
    low = np.min([one for one, _ in ranges], axis=0)
    high = np.max([one for _, one in ranges], axis=0)
    low, high = np.where(low > high, 0.0, low), np.where(low > high, 0.0, high)
    with np.errstate(over="ignore"):
        unit = high - low
    for column in np.flatnonzero(~np.isfinite(unit)):
        raise DataError(
            f"y ranges from {low[column]:g} to {high[column]:g}, which no scale brings near 1: divide the targets first"
        )
    if method == "minmax":
        shift, scale = low + 0.5 * unit, 0.5 * unit
    else:
        # Measured from one of the values, in units of the range: nothing cancels or overflows.
        unit = np.where(unit > 0.0, unit, 1.0)
        mean = _mean(each(_sums, low, unit, np.zeros_like(low), 1))
        shift, scale = low + mean * unit, np.sqrt(_mean(each(_sums, low, unit, mean, 2))) * unit
    scale = np.where(scale > 0.0, scale, 1.0)
    description = attrs.evolve(model.description, shift=tuple(shift.tolist()), scale=tuple(scale.tolist()))
    return attrs.evolve(model, description=description)


def _counted(data: tuple[Any, Array, Array | None]) -> Iterator[tuple[Array, Array]]:
    """The values of each column, and their weights: rows of weight 0 and missing targets do not count."""
    _, target, weight = data
    weights = np.ones(len(target)) if weight is None else weight
    for column in target.T:
        counted = (weights > 0.0) & ~np.isnan(column)
        yield column[counted], weights[counted]


def _range(data: tuple[Any, Array, Array | None]) -> tuple[Array, Array]:
    columns = [values for values, _ in _counted(data)]
    low, high = [values.min(initial=np.inf) for values in columns], [values.max(initial=-np.inf) for values in columns]
    return np.array(low), np.array(high)


def _sums(
    data: tuple[Any, Array, Array | None], low: Array, unit: Array, mean: Array, power: int
) -> tuple[Array, Array]:
    """The weighted sum of powers of the distances from the mean, and the sum of the weights, of each column."""
    sums, weights = np.zeros_like(low), np.zeros_like(low)
    for column, (values, own) in enumerate(_counted(data)):
        away = (values - low[column]) / unit[column] - mean[column]
        sums[column], weights[column] = np.multiply(away**power, own).sum(), own.sum()
    return sums, weights


def _mean(parts: Iterable[tuple[Array, Array]]) -> Array:
    sums, weights = functools.reduce(lambda one, other: (one[0] + other[0], one[1] + other[1]), parts)
    mean: Array = sums / np.where(weights > 0.0, weights, 1.0)
    return mean


def in_scale(model: Model, data: TrainingData, dtype: FloatDType, name: str = "y") -> TrainingData:
    """Data whose targets, in their own units and float64, become those that the loss sees, in ``dtype``."""
    x, target, weight = data
    scaled = as_dtype(model.scaled_target(target), f"scaled {name}", dtype, finite=not model.loss.missing_targets)
    return x, scaled, weight
