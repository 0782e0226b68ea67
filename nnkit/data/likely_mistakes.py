"""Warnings for likely mistakes that shape checks cannot catch."""

from __future__ import annotations

import math

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.coupling import batch_loss
from nnkit.core.evaluation import ForwardCache, penalty, predict
from nnkit.core.model import Model
from nnkit.core.step import Vectors
from nnkit.data.arrays import DataLike, as_array
from nnkit.data.frames import column_names
from nnkit.errors import SpecError, TrainingWarning, warn
from nnkit.interfaces import Activation, Inputs, Loss, Optimizer, Solver, TrainingData

__all__ = ["Outcome", "advice_for", "check_pair", "warn_of_data", "warn_of_new"]

LARGE_INPUT = 1e4
"""Typical sizes above this, in front of a weight, drown every other input: pixels (255) and years (2e3) stay below."""
LOOKED_AT = 1024
FOLLOWED = 64
GROWN = 10.0
FAR = 100.0
"""Targets this many times larger or smaller than the predictions of an untrained network are far from their scale."""
FEWEST_ROWS = 20
MOST_CLASSES = 10
"""Integers from 0 look like labels when they are few, in enough rows."""


def warn_of_data(model: Model, data: TrainingData) -> None:
    """Warn of unscaled inputs and targets outside the range of the output."""
    x, target, _ = data
    for message in (_unscaled(model, x), _out_of_reach(model, target)):
        if message is not None:
            warn(message, TrainingWarning)


def warn_of_new(model: Model, vectors: Vectors, data: TrainingData, y: DataLike, *, task_given: bool) -> None:
    """Before the first step: warn of targets among the inputs, of targets far from scale, and of classes as numbers.

    Args:
        model: The structure.
        vectors: Its parameters and buffers.
        data: Training data as the loss sees them.
        y: The targets as they were passed.
        task_given: Whether the task was stated.
    """
    labels = None if task_given else _labels_as_numbers(model, y)
    for message in (_among_inputs(model, data, y), _far_targets(model, vectors, data), labels):
        if message is not None:
            warn(message, TrainingWarning)


def check_pair(activation: Activation | None, loss: Loss, outputs: int) -> None:
    """Warn of predictions outside the loss' domain; refuse a distribution over a single class.

    Raises:
        SpecError: For one output that can only be 1.
    """
    if activation is not None and not activation.declares_traits:
        return
    head = "no output activation" if activation is None else type(activation).__name__
    who = type(loss).__name__
    simplex = activation is not None and activation.simplex
    log_simplex = activation is not None and activation.log_simplex
    if (simplex or log_simplex) and outputs == 1:
        raise SpecError(
            f"{head} with one output always predicts {'1' if simplex else '0'}: use 'sigmoid' with "
            "'binary_crossentropy' for two classes, or one output for each class"
        )
    low, high = (float("-inf"), float("inf")) if activation is None else activation.range
    domain = loss.prediction_domain
    advice = ""
    if domain == "simplex" and not simplex:
        advice = "expects rows of probabilities: use output_activation='softmax'"
        if outputs == 1:
            advice = "needs one output for each class: use 'binary_crossentropy' with 'sigmoid' for a single output"
    elif domain == "log_simplex" and not log_simplex:
        advice = "expects rows of log-probabilities: use output_activation='log_softmax'"
    elif domain == "unit" and (low < 0 or high > 1):
        advice = "expects predictions between 0 and 1: use output_activation='sigmoid'"
    elif domain == "unit" and simplex:
        advice = "judges each output alone: use 'categorical_crossentropy' with a softmax"
    elif domain == "nonnegative" and low < 0:
        advice = "expects non-negative predictions: use output_activation='softplus'"
    if advice:
        warn(f"{who} {advice} (here: {head}, {outputs} outputs)", TrainingWarning)


@attrs.frozen
class Outcome:
    """Loss and predictions of a few samples before the first step, to compare with those after training."""

    model: Model
    data: TrainingData
    loss: float
    varied: bool
    cache: ForwardCache

    @classmethod
    def before(cls, model: Model, vectors: Vectors, data: TrainingData) -> Outcome:
        """Of samples spread evenly over the data."""
        x, target, weight = data
        rows = np.arange(0, len(x), max(1, len(x) // FOLLOWED))
        own_weight = None if weight is None or not weight[rows].max() > 0 else weight[rows]
        sample = x[rows], target[rows], own_weight
        cache = ForwardCache()
        loss, varied = _loss_and_variation(model, vectors, sample, cache)
        return cls(model, sample, loss, varied=varied and _varies(sample[1]), cache=cache)

    def compare(self, vectors: Vectors, advice: str) -> None:
        """Warn when the loss has grown manyfold or is not finite, or all predictions have become the same."""
        after, varied = _loss_and_variation(self.model, vectors, self.data, self.cache)
        if not math.isfinite(after) or after > GROWN * self.loss > 0:
            message = f"training has made the loss larger, from {self.loss:.3g} to {after:.3g}"
        elif self.varied and not varied:
            message = "training has made all predictions the same: the units of a layer are dead or saturated"
        else:
            return
        warn(f"{message}; {advice}", TrainingWarning)


def advice_for(optimizer: Optimizer | Solver) -> str:
    """What to do when the loss is not finite or grows."""
    if isinstance(optimizer, Solver):
        return "scale the inputs and the targets (nnkit.Standardize() scales inputs), or start from another seed"
    return "lower the learning rate (a tenth, and again), scale the inputs, or clip the gradient"


def _loss_and_variation(model: Model, vectors: Vectors, data: TrainingData, cache: ForwardCache) -> tuple[float, bool]:
    """The loss, and whether the predictions differ between samples."""
    x, target, weight = data
    with np.errstate(all="ignore"):
        prediction = predict(model, vectors, x, cache)
        loss = batch_loss(model.loss, prediction, target, weight)
        return loss + penalty(model, vectors.parameters), _varies(prediction)


def _varies(rows: Array) -> bool:
    return bool((rows != rows[:1]).any())


def _unscaled(model: Model, x: Inputs) -> str | None:
    first = model.body[0].parameter_specs(model.inputs)
    reads = any(spec.role == "weight" and len(spec.shape) == 2 for spec in first)
    if not reads or model.body[0].offers("adapt_start"):
        return None  # a layer that scales comes first
    seen = x[:: max(1, len(x) // LOOKED_AT)]
    if not isinstance(seen, np.ndarray):
        return None  # sparse
    sizes = np.abs(seen).max(axis=0)
    sizes[list(model.body[0].index_columns(model.inputs))] = 0.0
    worst = int(sizes.argmax())
    if sizes[worst] < LARGE_INPUT:
        return None
    names = model.description.features
    column = f"column {worst} (counted from 0)" if names is None else f"column {names[worst]!r}"
    return (
        f"{column} of X reaches {sizes[worst]:.3g} and nothing scales it: put nnkit.Standardize() in front,"
        " or scale the columns to about 1"
    )


def _among_inputs(model: Model, data: TrainingData, y: DataLike) -> str | None:
    description, (x, target, _) = model.description, data
    features = description.features or ()
    names = column_names(y, "y") or (getattr(y, "name", None),)
    if not isinstance(x, np.ndarray) or not set(names) & set(features) or set(features) <= set(names):
        return None  # an autoencoder has every input among its targets
    rows = slice(None, None, max(1, len(x) // LOOKED_AT))
    values = target[rows].reshape(len(target[rows]), -1).astype(np.float64)
    if description.shift is not None and description.scale is not None:
        values = values * description.scale + description.shift
    for name, own in zip(names, values.T, strict=False):
        if name in features and np.allclose(x[rows, features.index(name)], own, rtol=1e-5):
            return (
                f"X has the column {name!r}, which is the target itself, so the network only learns to repeat it: "
                f"leave it out, X.drop(columns={name!r})"
            )
    return None


def _far_targets(model: Model, vectors: Vectors, data: TrainingData) -> str | None:
    x, target, _ = data
    if model.head is not None or not model.loss.offers("unscale") or model.description.shift is not None:
        return None
    rows = slice(None, None, max(1, len(x) // LOOKED_AT))
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.nanmean(target[rows].astype(np.float64) ** 2)))
        own = float(np.sqrt(np.mean(predict(model, vectors, x[rows]).astype(np.float64) ** 2)))
    far = size > FAR * max(own, 1.0) or 0.0 < size < min(own, 1.0) / FAR
    if not far or not math.isfinite(size):
        return None
    return (
        f"y has a root mean square of {size:.3g}, {size / own if own else math.inf:.2g} times that of the untrained "
        f"network's predictions, and nothing scales it: pass target_scaling='standardize' to nnkit.Network "
        "(predictions and metrics stay in the units of y)"
    )


def _labels_as_numbers(model: Model, y: DataLike) -> str | None:
    if model.head is not None or not model.loss.offers("unscale") or model.target_columns > 1:
        return None
    values = as_array(y, "y")
    if values.dtype.kind not in "biu" or len(values) < FEWEST_ROWS:
        return None
    distinct = np.unique(values)
    if not 2 <= len(distinct) <= MOST_CLASSES or not np.array_equal(distinct, np.arange(len(distinct))):
        return None
    classes = len(distinct)
    advice = "output_activation='sigmoid', loss='binary_crossentropy'"
    if classes > 2:
        advice = f"{classes} outputs, output_activation='softmax', loss='categorical_crossentropy'"
    return (
        f"y consists of the integers 0 to {classes - 1}, as class labels do, and {type(model.loss).__name__} fits them "
        f"as numbers: for classes use {advice}; for numbers state task='regression'"
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
