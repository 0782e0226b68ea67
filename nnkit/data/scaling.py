"""The scale of the targets: learned from the training rows, so that the loss sees targets near unit scale."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.model import Model
from nnkit.data.arrays import as_dtype
from nnkit.errors import DataError, SpecError
from nnkit.interfaces import Loss, TrainingData

__all__ = ["SCALINGS", "TargetScaling", "check_scaling", "in_scale", "with_scaling"]

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
    if method is None or model.description.shift is not None:
        return model
    weights = np.ones(len(target)) if weight is None else weight
    shifts, scales = [], []
    for column in target.T:
        counted = (weights > 0.0) & ~np.isnan(column)
        values, own = column[counted], weights[counted]
        if not len(values):
            values, own = np.zeros(1), np.ones(1)
        low, high = float(values.min()), float(values.max())
        if not math.isfinite(high - low):
            raise DataError(
                f"y ranges from {low:g} to {high:g}, which no scale brings near 1: divide the targets first"
            )
        if method == "minmax":
            shift, scale = low + 0.5 * (high - low), 0.5 * (high - low)
        else:
            # Measured from one of the values, in units of the range: nothing cancels or overflows.
            unit = high - low or 1.0
            away = (values - low) / unit
            mean = float(np.average(away, weights=own))
            shift, scale = low + mean * unit, float(np.sqrt(np.average((away - mean) ** 2, weights=own))) * unit
        shifts.append(shift)
        scales.append(scale if scale > 0.0 else 1.0)
    return attrs.evolve(model, description=attrs.evolve(model.description, shift=tuple(shifts), scale=tuple(scales)))


def in_scale(model: Model, data: TrainingData, dtype: FloatDType, name: str = "y") -> TrainingData:
    """Data whose targets, in their own units and float64, become those that the loss sees, in ``dtype``."""
    x, target, weight = data
    scaled = as_dtype(model.scaled_target(target), f"scaled {name}", dtype, finite=not model.loss.missing_targets)
    return x, scaled, weight
