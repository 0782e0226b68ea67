"""What a beginner gets wrong and no check of shapes sees: said in a sentence, where it is surely not meant."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.evaluation import penalty, predict
from nnkit.core.model import Model
from nnkit.core.step import Vectors
from nnkit.errors import TrainingWarning
from nnkit.interfaces import Metric, Optimizer, Solver

__all__ = ["Outcome", "mend_of", "warn_of_data"]

LARGE_INPUT = 1e4
"""Typical sizes above this, in front of a weight, drown every other input: pixels (255) and years (2e3) stay below."""
LOOKED_AT = 1024
FOLLOWED = 64
GROWN = 10.0


def warn_of_data(
    model: Model, data: tuple[Array, Array, Array | None], metrics: Mapping[str, Metric], *, stacklevel: int
) -> None:
    """Warn of inputs that nobody has scaled, targets out of the output's reach, and metrics of what is no class."""
    x, target, _ = data
    found = [_unscaled(model, x), _out_of_reach(model, target), *_no_classes(model, target, metrics)]
    for said in found:
        if said is not None:
            warnings.warn(said, TrainingWarning, stacklevel=stacklevel + 1)


@attrs.frozen
class Outcome:
    """What a network says of a few samples before the first step, to be compared when the training is over."""

    model: Model
    data: tuple[Array, Array, Array | None]
    loss: float
    varied: bool

    @classmethod
    def before(cls, model: Model, vectors: Vectors, data: tuple[Array, Array, Array | None]) -> Outcome:
        """Of samples spread evenly over the data."""
        x, target, weight = data
        rows = np.arange(0, len(x), max(1, len(x) // FOLLOWED))
        kept_weight = None if weight is None or not weight[rows].max() > 0 else weight[rows]
        kept = x[rows], target[rows], kept_weight
        loss, varied = _judged(model, vectors, kept)
        return cls(model, kept, loss, varied=varied and _varies(kept[1]))

    def compare(self, vectors: Vectors, mend: str, *, stacklevel: int) -> None:
        """Warn, with what to do, when the loss is many times what it was, or none, or all samples look alike."""
        after, varied = _judged(self.model, vectors, self.data)
        if not math.isfinite(after) or after > GROWN * self.loss > 0:
            said = f"training has made the loss larger, from {self.loss:.3g} to {after:.3g}"
        elif self.varied and not varied:
            said = "training has made all predictions the same: the units of a layer are dead or saturated"
        else:
            return
        warnings.warn(f"{said}; {mend}", TrainingWarning, stacklevel=stacklevel + 1)


def mend_of(optimizer: Optimizer | Solver) -> str:
    """What helps a training that goes astray."""
    if isinstance(optimizer, Solver):
        return "scale the inputs and the targets (nnkit.Standardize() scales inputs), or start from another seed"
    return "lower the learning rate (a tenth, and again), scale the inputs, or clip the gradient"


def _judged(model: Model, vectors: Vectors, data: tuple[Array, Array, Array | None]) -> tuple[float, bool]:
    """The loss, and whether the prediction tells one sample from another."""
    x, target, weight = data
    with np.errstate(all="ignore"):
        prediction = predict(model, vectors, x)
        loss = np.average(model.loss.value(prediction, target), weights=weight)
        return float(loss) + penalty(model, vectors.parameters), _varies(prediction)


def _varies(rows: Array) -> bool:
    return bool((rows != rows[:1]).any())


def _unscaled(model: Model, x: Array) -> str | None:
    first = model.body[0].parameter_specs(model.inputs)
    if not any(spec.role == "weight" and len(spec.shape) == 2 for spec in first):
        return None  # a layer that scales stands in front
    seen = x[:: max(1, len(x) // LOOKED_AT)]
    sizes = np.abs(seen).max(axis=0)
    worst = int(sizes.argmax())
    if sizes[worst] < LARGE_INPUT:
        return None
    return (
        f"column {worst} of X reaches {sizes[worst]:.3g} and nothing scales it: put nnkit.Standardize() in front,"
        " or scale the columns to about 1"
    )


def _out_of_reach(model: Model, target: Array) -> str | None:
    head, loss = model.head, model.loss
    if head is None or not head.declares_traits or loss.target_domain not in {"real", "nonnegative"}:
        return None
    low, high = head.range
    least, most = float(target.min()), float(target.max())
    if least >= low and most <= high:
        return None
    return (
        f"y ranges from {least:.4g} to {most:.4g} and {type(head).__name__} gives {low:g} to {high:g}: scale y into"
        " that range, or leave the output activation out"
    )


def _no_classes(model: Model, target: Array, metrics: Mapping[str, Metric]) -> list[str]:
    named = [name for name, metric in metrics.items() if metric.classes]
    if not named or model.loss.target_domain not in {"real", "nonnegative"}:
        return []
    marks = np.unique(target[:: max(1, len(target) // LOOKED_AT)])
    if len(marks) <= 2 and set(marks.tolist()) <= {-1.0, 0.0, 1.0}:
        return []
    said = f"{', '.join(named)} judges classes, and y holds other numbers ({marks[0]:.4g} to {marks[-1]:.4g})"
    return [f"{said}: for a regression take 'r2' or 'mean_absolute_error', for classes a crossentropy loss"]
