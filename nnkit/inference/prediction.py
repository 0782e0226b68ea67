"""Predictions: inputs checked, the prediction in the form asked for, and a frozen predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard, cast, final, overload

import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core import evaluation
from nnkit.core.model import Model
from nnkit.core.sharded import results
from nnkit.core.step import Vectors
from nnkit.data.arrays import DataLike, check_finite
from nnkit.data.indices import checked_indices
from nnkit.data.labels import predicted_labels
from nnkit.data.lazy_rows import as_rows, check_sparse
from nnkit.data.reading import input_windows
from nnkit.data.shards import inputs_of
from nnkit.data.sources import Rows, SourceLike, Stream, as_source
from nnkit.inference.compiled import USED, compiled_model
from nnkit.interfaces import Inputs, Shards

__all__ = ["LivePredictions", "Predictor", "checked_rows", "in_form", "in_windows", "of_shards"]


@final
class Predictor:
    """The predictions of a network as it is now: a frozen copy, with as little work in each call as possible.

    ``nnkit.Network.predictor()`` returns one. It can be called from several threads at once, and pickled; later
    training of the network does not change it. Where an installed plugin compiles all layers together, their weights
    are packed once and a call runs compiled code alone: its predictions equal those of ``predict`` to rounding.
    Elsewhere they are bit-identical.

    Args:
        model: The structure.
        parameters: All arrays, the trainable ones first; copied.
        buffers: Arrays that are not trained; copied.

    Example:
        >>> net = nnkit.Network([2, 3, 1], seed=0)
        >>> predictor = net.predictor()
        >>> bool(np.allclose(predictor.predict([[1.0, -1.0]]), net.predict([[1.0, -1.0]]), rtol=1e-12))
        True
    """

    __slots__ = ("_cache", "_compiled", "_dtype", "_inputs", "_model", "_scaled", "_unchecked", "_vectors")

    def __init__(self, model: Model, parameters: Array, buffers: Array) -> None:
        self._model = model
        self._vectors = Vectors(_frozen(parameters), None, _frozen(buffers))
        self._cache = evaluation.ForwardCache()
        self._compiled = cast("Callable[[Array], Array] | None", _compiled(model, self._vectors, live=False))
        self._inputs, self._dtype = model.inputs, parameters.dtype
        self._scaled = model.description.shift is not None
        # Rows that are indices are always checked: a table has no row for a wrong one.
        self._unchecked = model.description.columns is None and not model.body[0].index_columns(model.inputs)

    def __reduce__(self) -> tuple[type[Predictor], tuple[Model, Array, Array]]:
        return Predictor, (self._model, self._vectors.parameters, self._vectors.buffers)

    def __repr__(self) -> str:
        return f"Predictor({[self._inputs, *self._model.widths]}, dtype={self._dtype}, compiled={self.compiled})"

    @property
    def compiled(self) -> bool:
        """Whether predictions come from compiled code."""
        return self._compiled is not None

    @overload
    def predict(self, X: SourceLike, *, labels: bool = False, point: bool = False) -> Iterator[Array]: ...

    @overload
    def predict(self, X: DataLike, *, labels: bool = False, point: bool = False) -> Array: ...

    def predict(
        self, X: DataLike | SourceLike, *, labels: bool = False, point: bool = False
    ) -> Array | Iterator[Array]:
        """The prediction ``(N, K)`` of each row, as ``nnkit.Network.predict`` returns it.

        The values of an array ``(N, D)`` of the network's dtype are not checked: a NaN gives NaN in its row. Everything
        else is converted and checked.

        Args:
            X: Inputs ``(N, D)``; for a source an iterator over the predictions of its windows.
            labels: Return the labels of ``network.classes``; for the task multilabel 0 or 1 for each column ``(N, K)``.
            point: Return the loss' point prediction ``(N, T)``, as wide as the targets.

        Raises:
            DataError: When ``X`` cannot be used, or labels are asked of a network that predicts none.
        """
        if (
            type(X) is np.ndarray
            and X.shape[1:] == (self._inputs,)
            and X.dtype == self._dtype
            and X.flags.c_contiguous
            and self._unchecked
            and len(X)
        ):
            return self._predicted(X, labels=labels, point=point)
        if isinstance(X, Shards):
            return of_shards(X, self._model, self._vectors, labels=labels, point=point)
        return in_windows(X, self._model, self._dtype, lambda x: self._predicted(x, labels=labels, point=point))

    def _predicted(self, x: Inputs, *, labels: bool, point: bool) -> Array:
        if self._compiled is not None and isinstance(x, np.ndarray):
            prediction = self._compiled(x)
        else:
            prediction = evaluation.predict(self._model, self._vectors, x, self._cache)
        if labels or point or self._scaled:
            return in_form(self._model, prediction, labels=labels, point=point)
        return prediction


def in_windows(
    X: DataLike | SourceLike, model: Model, dtype: FloatDType, predicted: Callable[[Inputs], Array]
) -> Array | Iterator[Array]:
    """What ``predicted`` returns for ``X``, checked; for a source an iterator over its windows.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    source = as_source(X)
    if source is None:
        return predicted(checked_rows(model, dtype, cast("DataLike", X)))
    windows = (predicted(x) for x in input_windows(source, model, dtype))
    return windows if isinstance(X, Rows | Stream) else np.concatenate(list(windows))


def of_shards(shards: Shards, model: Model, vectors: Vectors, *, labels: bool, point: bool) -> Iterator[Array]:
    """The predictions of one shard after another, computed where they are.

    Raises:
        DataError: For the first shard whose inputs cannot be used.
    """
    return results(shards, _of_shard, model, vectors, labels, point)


def _of_shard(shard: Any, model: Model, vectors: Vectors, labels: bool, point: bool) -> Array:
    x = inputs_of(shard, model, vectors.parameters.dtype)
    prediction = evaluation.predict(model, vectors, x) if len(x) else np.empty((0, model.outputs), dtype=x.dtype)
    return in_form(model, prediction, labels=labels, point=point)


def checked_rows(model: Model, dtype: FloatDType, X: DataLike) -> Inputs:
    """``X`` checked, as rows ``(N, D)`` in ``dtype``, without a converted copy of large arrays or of sparse rows.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    description = model.description
    if is_ready(X, model, dtype):
        x: Inputs = X  # what is ready has only its values checked
        check_finite(X, "X", columns=description.features)
    else:
        x = as_rows(X, dtype=dtype, columns=model.inputs, description=description)
        check_sparse(model, x)
    return checked_indices(model, x)


def is_ready(X: object, model: Model, dtype: FloatDType) -> TypeGuard[Array]:
    """Whether ``X`` is an array ``(N, D)`` that only has to have its values checked."""
    return (
        type(X) is np.ndarray
        and X.dtype == dtype
        and X.shape[1:] == (model.inputs,)
        and len(X) > 0
        and X.flags.c_contiguous
        and model.description.columns is None
    )


def in_form(model: Model, prediction: Array, *, labels: bool, point: bool) -> Array:
    """A prediction ``(N, K)`` of the model in the units of the targets, or as labels, or as the point prediction.

    Raises:
        DataError: When labels are asked of a network that predicts none.
    """
    if labels:
        return predicted_labels(model, prediction)
    prediction = model.unscaled(prediction)
    return model.loss.point(prediction) if point else prediction


class LivePredictions:
    """Predictions in one compiled call on the parameters as they are (``nnkit.core.evaluation.AtOnce``).

    They are offered once this process has used compiled counterparts, for a training or a predictor: a process that
    only predicts a few rows does not wait until compiled code is imported.
    """

    def offered(self) -> bool:
        """Whether compiled code has been imported."""
        return USED.is_set()

    def bind(self, model: Model, vectors: Vectors) -> Callable[[Array], Array | None] | None:
        """See ``AtOnce``."""
        if model.body[0].index_columns(model.inputs):
            return None  # a table has no row for a wrong index
        return _compiled(model, vectors, live=True)


def _frozen(vector: Array) -> Array:
    copy = vector.copy()
    copy.flags.writeable = False
    return copy


def _compiled(model: Model, vectors: Vectors, *, live: bool) -> Callable[[Array], Array | None] | None:
    """All layers and the output activation in one compiled call, where a plugin offers it.

    Args:
        model: The structure.
        vectors: Parameters and buffers.
        live: Whether they may change.
    """
    if model.full_jacobians:
        return None
    layers = compiled_model(model).body
    if not layers[0].offers("pack"):
        return None
    trained, buffers = model.layout.by_layer(vectors.parameters), model.buffer_layout.by_layer(vectors.buffers)
    arrays = [{**own, **others} for own, others in zip(trained, buffers, strict=True)]
    packed: Callable[[Array], Array | None] | None = layers[0].pack(layers[1:], model.head, arrays, live=live)
    return packed
