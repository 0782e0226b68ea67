"""Predictions, losses and metrics of any number of rows, in batches of bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.coupling import check_memory
from nnkit.core.feeding import read_windows
from nnkit.core.model import Model
from nnkit.core.sharded import ShardedData, results
from nnkit.core.step import Forward, Vectors, bind_forward, bind_layers
from nnkit.core.workspace import Pool
from nnkit.errors import SpecError
from nnkit.interfaces import Inputs, Metric, Source, TrainingData
from nnkit.plugin_control import disabled_names

__all__ = ["ForwardCache", "behind", "evaluate", "judged", "penalty", "predict", "try_metrics"]

CHUNK_ELEMENTS = 1 << 20
"""Elements of the widest array of a chunk, at the most."""

CHUNK_ROWS = 1_024
"""Rows of a chunk, at the most: enough for the products to be at their best, few enough to stay in a cache."""

CACHED_ROWS = 64
"""Batches of more rows take longer than binding does."""

LOSS_ARRAYS = 4
"""Arrays of the size of predictions and targets that a loss of coupled rows is expected to allocate."""

CACHED = 4
"""Numbers of rows that are kept bound."""


class AtOnce(Protocol):
    """Predictions by all layers in one call."""

    def offered(self) -> bool:
        """Whether it can be bound now."""

    def bind(self, model: Model, vectors: Vectors) -> Callable[[Array], Array | None] | None:
        """``x -> prediction``, from the vectors as they are at each call, for several threads; ``None`` for others.

        The function returns ``None`` where a value of ``x`` is not finite; it may do so where sums overflow.
        """


Totals: TypeAlias = tuple[float, float, dict[str, Any]]
"""The weighted sum of losses, the sum of weights, and the state of each metric."""


def chunk_rows(model: Model) -> int:
    """Rows of a chunk, for this network's width."""
    return max(1, min(CHUNK_ROWS, CHUNK_ELEMENTS // max(model.inputs, *model.widths)))


class ForwardCache:
    """Forward passes that wait, bound, for their next call.

    Binding takes longer than a row does. A caller takes one out and puts it back afterwards,
    so two threads never share a workspace. Copies and pickles of a cache are empty.

    Args:
        at_once: What may make predictions by all layers in one call.
    """

    def __init__(self, at_once: AtOnce | None = None) -> None:
        self._at_once = at_once
        self._vectors: Vectors | None = None
        self._whole: tuple[Model, Vectors, Callable[[Array], Array | None] | None, frozenset[str]] | None = None
        self._waiting: dict[int, tuple[Model, Vectors, Forward]] = {}

    def __reduce__(self) -> tuple[type[ForwardCache], tuple[AtOnce | None]]:
        return ForwardCache, (self._at_once,)

    def vectors(self, parameters: Array, buffers: Array) -> Vectors:
        """The vectors of an inference, those of the last one if they are the same."""
        last = self._vectors
        if last is None or last.parameters is not parameters or last.buffers is not buffers:
            self._vectors = last = Vectors(parameters, None, buffers)
        return last

    def at_once(self, model: Model, vectors: Vectors, X: Array) -> Array | None:
        """The prediction of rows, new, by all layers in one call, which checks the values.

        Args:
            model: The structure.
            vectors: Parameters and buffers.
            X: Rows, C-contiguous and in the dtype of the parameters.

        Returns:
            ``None`` where no such call is offered, where a value is not finite, and where sums overflow.
        """
        if self._at_once is None or not self._at_once.offered():
            return None
        whole, disabled = self._whole, disabled_names()
        if whole is None or not _same(whole, model, vectors) or whole[3] != disabled:
            self._whole = whole = (model, vectors, self._at_once.bind(model, vectors), disabled)
        return None if whole[2] is None else whole[2](X)

    def __call__(self, model: Model, vectors: Vectors, X: Inputs) -> Array | None:
        """The prediction of rows, new; ``None`` where there are too many of them."""
        rows = len(X)
        if self._at_once is not None and isinstance(X, np.ndarray):
            prediction = self.at_once(model, vectors, np.ascontiguousarray(X, vectors.parameters.dtype))
            if prediction is not None:
                return prediction
        if rows > CACHED_ROWS:
            return None
        waiting = self._waiting.pop(rows, None)
        if waiting is None or not _same(waiting, model, vectors):
            waiting = (model, vectors, bind_forward(model, vectors, Pool(rows, vectors.parameters.dtype), rows))
        out = waiting[2](X if isinstance(X, np.ndarray) else X[:]).copy()
        if len(self._waiting) < CACHED:
            self._waiting[rows] = waiting
        return out


def _same(bound: tuple[Model, Vectors, *tuple[Any, ...]], model: Model, vectors: Vectors) -> bool:
    """Whether what is bound is of this model and these vectors."""
    own = bound[1]
    return bound[0] is model and own.parameters is vectors.parameters and own.buffers is vectors.buffers


def predict(model: Model, vectors: Vectors, X: Inputs, cache: ForwardCache | None = None) -> Array:
    """The prediction ``(N, K)`` of every row, new.

    Args:
        model: The structure.
        vectors: Parameters and buffers.
        X: Inputs.
        cache: Keeps what is bound.
    """
    if cache is not None and (prediction := cache(model, vectors, X)) is not None:
        return prediction
    rows = min(len(X), chunk_rows(model))
    pool = Pool(rows, vectors.parameters.dtype)
    forward = bind_forward(model, vectors, pool, rows)
    out = np.empty((len(X), model.outputs), dtype=vectors.parameters.dtype)
    whole = len(X) - len(X) % rows
    for start in range(0, whole, rows):
        out[start : start + rows] = forward(X[start : start + rows])
    if whole < len(X):
        out[whole:] = bind_forward(model, vectors, pool, len(X) - whole)(X[whole:])
    return out


def behind(model: Model, layers: int, vectors: Vectors, X: Inputs) -> Inputs:
    """The output of the leading ``layers`` for every row, new; ``X`` itself where there are none."""
    if not layers:
        return X
    leading = attrs.evolve(model, body=model.body[:layers], widths=model.widths[:layers], head=None)
    return predict(leading, vectors, X)


def evaluate(
    model: Model, vectors: Vectors, data: TrainingData | Source | ShardedData, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """``loss`` (the weighted mean over samples plus the penalties) and each metric, in inference.

    Metrics are passed the loss' point prediction, in the units of the targets; where the loss leaves out missing
    targets, these do not count for metrics that declare ``missing_targets``, and their rows for none of the others.

    Raises:
        DataError: When a metric cannot judge the task, or the loss couples rows and they do not fit into one batch.
        SpecError: When the loss has no point prediction that a metric can compare with the targets.
    """
    for metric in metrics.values():
        metric.check(model.task)
    if isinstance(data, ShardedData):
        parts = results(data.shards, _totals, model, vectors, metrics)
        totals = functools.reduce(functools.partial(_merged, metrics), parts)
    else:
        totals = _totals(data, model, vectors, metrics)
    total, weighed, states = totals
    value = (total if model.loss.rows_coupled else total / weighed) + penalty(model, vectors.parameters)
    return {"loss": value} | {name: metric.result(states[name]) for name, metric in metrics.items()}


def _totals(data: TrainingData | Source, model: Model, vectors: Vectors, metrics: Mapping[str, Metric]) -> Totals:
    """What ``evaluate`` adds up over rows, of these; there may be none."""
    states = {name: metric.start(model.task) for name, metric in metrics.items()}
    total, weighed = 0.0, 0.0
    for X, target, weight in read_windows(data, chunk_rows(model)):
        if not len(X):
            continue
        weights = np.ones(len(X), dtype=vectors.parameters.dtype) if weight is None else weight
        for rows, share, prediction in _losses(model, vectors, X, target, weights):
            total += share
            weighed += float(weights[rows].sum(dtype=np.float64))
            if metrics:
                pair = judged(model, prediction, target[rows], weights[rows])
                for name, metric in metrics.items():
                    metric.add(states[name], *pair(metric))
    return total, weighed, states


def _merged(metrics: Mapping[str, Metric], totals: Totals, others: Totals) -> Totals:
    states = {name: metric.merge(totals[2][name], others[2][name]) for name, metric in metrics.items()}
    return totals[0] + others[0], totals[1] + others[1], states


def try_metrics(
    model: Model, vectors: Vectors, X: Inputs, target: Array, weight: Array | None, metrics: Mapping[str, Metric]
) -> None:
    """Let each metric judge two rows, so that it is refused before training rather than after an epoch.

    Raises:
        DataError: When a metric cannot judge the task or these data.
    """
    rows = [0, 0 if weight is None else int((weight != 1.0).argmax())]  # one with a weight, if any has one
    for metric in metrics.values():
        metric.check(model.task)
    with np.errstate(all="ignore"):
        weights = np.ones(2) if weight is None else weight[rows]
        pair = judged(model, predict(model, vectors, X[rows]), target[rows], weights)
        for metric in metrics.values():
            metric.add(metric.start(model.task), *pair(metric))


def penalty(model: Model, parameters: Array) -> float:
    """The sum of all regularizers."""
    return sum(
        (float(part.value(parameters[slot.place].reshape(slot.spec.shape))) for slot, part in model.penalties), 0.0
    )


def judged(
    model: Model, prediction: Array, target: Array, weight: Array
) -> Callable[[Metric], tuple[Array, Array, Array]]:
    """What a metric is passed: point prediction, targets and weights; of complete rows where NaN are not its own."""
    loss, task = model.loss, model.task
    if model.description.shift is not None:  # metrics are in the units of the user, and as exact
        prediction = model.unscaled(prediction.astype(np.float64))
        target = model.unscaled_target(target.astype(np.float64))
    point = loss.point(prediction)
    columns = loss.target_columns(prediction.shape[1])
    if point.shape != (len(prediction), columns):
        raise SpecError(
            f"{type(loss).__name__} has targets of {columns} columns and a point prediction of shape {point.shape}, "
            "so no metric can compare them; leave the metrics out"
        )
    every = point, task.target(target), weight
    if not loss.missing_targets or target.dtype.kind != "f":
        return lambda _: every
    complete = ~np.isnan(target).any(axis=1)
    whole = point[complete], task.target(target[complete]), weight[complete]
    return lambda metric: every if metric.missing_targets and task.name == "regression" else whole


def _losses(
    model: Model, vectors: Vectors, X: Inputs, target: Array, weights: Array
) -> Iterator[tuple[slice, float, Array]]:
    """Chunk by chunk: its rows, the weighted sum of their losses, the prediction; one chunk of all coupled rows."""
    head, loss = model.head, model.loss
    if loss.rows_coupled:
        columns = LOSS_ARRAYS * (model.outputs + model.target_columns)
        check_memory(model, len(X), columns, vectors.parameters.itemsize, "evaluation")
        prediction = predict(model, vectors, X)
        yield slice(0, len(X)), float(loss.batch_value(prediction, target, weights)), prediction
        return
    most = min(len(X), chunk_rows(model))
    pool = Pool(most, vectors.parameters.dtype)
    bound: dict[int, Any] = {}
    for start in range(0, len(X), most):
        rows = slice(start, min(start + most, len(X)))
        count = rows.stop - rows.start
        if count not in bound:
            bound[count] = [b.forward for b in bind_layers(model, vectors, pool, count, training=False, rng=None)]
        z = X[rows]
        for forward in bound[count]:
            z = forward(z)
        a = z if head is None else head.forward(z)
        # The fused form keeps its digits where the activation saturates.
        values = loss.fused_value(z, a, target[rows]) if model.fused else loss.value(a, target[rows])
        yield rows, float(np.dot(values.astype(np.float64), weights[rows])), a
