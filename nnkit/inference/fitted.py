"""What can be asked of a network without changing it: predictions, losses, Jacobians, traces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast, overload

from nnkit import registry
from nnkit.arrays import Array, FloatDType
from nnkit.core import evaluation, jacobians, trace
from nnkit.core.layer_trace import Trace
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.named_views import NamedViews
from nnkit.core.sharded import ShardedData
from nnkit.core.step import Vectors
from nnkit.data.arrays import DataLike, as_inputs
from nnkit.data.indices import checked_indices
from nnkit.data.reading import WindowSource
from nnkit.data.shards import checked_shards
from nnkit.data.sources import SourceLike, as_shards, as_source
from nnkit.data.targets import as_data
from nnkit.errors import DataError
from nnkit.inference.calling import answering
from nnkit.inference.compiled import compiled_model
from nnkit.inference.prediction import Predictor, checked_rows, in_form, in_windows, is_ready, of_shards
from nnkit.interfaces import Inputs, Metric, MetricValue, PartSpec, Shards, Source, TrainingData
from nnkit.network.composition import DEFAULTS

__all__ = ["Fitted", "metrics_of"]


class Fitted(ABC):
    """A structure with its vectors, and everything that can be asked of it; ``nnkit.Network`` is one.

    Example:
        >>> net = nnkit.Network([2, 3, 1], seed=0)
        >>> net.predict([[1.0, -1.0]]).shape, net.jacobian([[1.0, -1.0]]).shape
        ((1, 1), (1, 1, 2))
    """

    _forwards: evaluation.ForwardCache

    @property
    @abstractmethod
    def model(self) -> Model:
        """The structure with every choice made."""

    @property
    @abstractmethod
    def parameters(self) -> Array:
        """All weights and biases in one vector; those of frozen layers stand last."""

    @property
    @abstractmethod
    def buffers(self) -> Array:
        """All arrays of layers that are not trained (their statistics) in one vector."""

    @property
    @abstractmethod
    def strengths(self) -> Array | None:
        """The ``l2`` strength that a solver found for each parameter, ``(P,)``; ``None`` when it looked for none."""

    @property
    def dtype(self) -> FloatDType:
        """The dtype of parameters and predictions."""
        return self.parameters.dtype

    @property
    def outputs(self) -> int:
        """Columns of the prediction."""
        return self.model.outputs

    @property
    def layout(self) -> Layout:
        """The place of each array in ``parameters``: ``flatten(arrays)`` and ``restore(vector)``."""
        return self.model.layout

    @property
    def weights(self) -> list[Array]:
        """The weight arrays, layer by layer: views of ``parameters``."""
        return self.layout.with_role(self.parameters, "weight")

    @property
    def biases(self) -> list[Array]:
        """The bias arrays, layer by layer: views of ``parameters``."""
        return self.layout.with_role(self.parameters, "bias")

    @property
    def arrays(self) -> NamedViews:
        """Every array by its name, parameters and buffers: read-only views; what is assigned is checked.

        Example:
            >>> net = nnkit.Network([2, 3, 1], seed=0)
            >>> net.arrays["1.bias"] = [0.5]
            >>> list(net.arrays), float(net.parameters[-1])
            (['0.weight', '0.bias', '1.weight', '1.bias'], 0.5)
        """
        return NamedViews(self.model, self.parameters, self.buffers, self._before_assignment)

    @abstractmethod
    def _before_assignment(self) -> None:
        """Called before one of ``arrays`` is assigned to."""

    def inputs_from(self, X: DataLike) -> Array:
        """``X`` checked, as an array ``(N, D)`` in the dtype of the network; columns of a frame are matched by name.

        Raises:
            DataError: When ``X`` cannot be used.
        """
        model = self.model
        x = as_inputs(X, dtype=self.parameters.dtype, columns=model.inputs, description=model.description)
        checked_indices(model, x)
        return x

    def _rows_from(self, X: DataLike) -> Inputs:
        """As ``inputs_from``, without a converted copy of large arrays or sparse rows."""
        return checked_rows(self.model, self.parameters.dtype, X)

    @overload
    def predict(self, X: SourceLike, *, labels: bool = False, point: bool = False) -> Iterator[Array]: ...

    @overload
    def predict(self, X: DataLike, *, labels: bool = False, point: bool = False) -> Array: ...

    @answering
    def predict(
        self, X: DataLike | SourceLike, *, labels: bool = False, point: bool = False
    ) -> Array | Iterator[Array]:
        """The prediction ``(N, K)`` of each row, or with ``labels`` its class ``(N,)``.

        Args:
            X: Inputs ``(N, D)``. For ``nnkit.data.Rows``, ``nnkit.data.Stream`` and shards the result is an iterator
                over the predictions of one window of rows, or one shard, after another.
            labels: Return the labels of ``network.classes``; for the task multilabel 0 or 1 for each column ``(N, K)``.
            point: Return the loss' point prediction ``(N, T)``, as wide as the targets: the mean, where a
                likelihood has several outputs for each target.

        Raises:
            DataError: When ``X`` cannot be used, or labels are asked of a network that predicts none.
        """
        model, vectors = self.model, self._vectors()
        if is_ready(X, model, vectors.parameters.dtype):
            prediction = self._forwards.at_once(model, vectors, X)
            if prediction is not None:
                return in_form(model, prediction, labels=labels, point=point)
        if isinstance(X, Shards):
            return of_shards(X, model, vectors, labels=labels, point=point)

        def predicted(x: Inputs) -> Array:
            return in_form(model, evaluation.predict(model, vectors, x, self._forwards), labels=labels, point=point)

        return in_windows(X, model, vectors.parameters.dtype, predicted)

    def predictor(self) -> Predictor:
        """A frozen, thread-safe copy that only predicts, several times as fast for few rows; see ``Predictor``."""
        return Predictor(self.model, self.parameters, self.buffers)

    @answering
    def score(
        self,
        X: DataLike | SourceLike,
        y: DataLike | None = None,
        *,
        accuracy: bool = False,
        sample_weight: DataLike | None = None,
    ) -> float:
        """The loss over the data (penalties included), or with ``accuracy`` the share of right classes."""
        metrics = [DEFAULTS["score"]] if accuracy else []
        values = self.evaluate(X, y, metrics=metrics, sample_weight=sample_weight)
        return float(values[metrics[0] if accuracy else "loss"])

    @answering
    def evaluate(
        self,
        X: DataLike | SourceLike,
        y: DataLike | None = None,
        *,
        metrics: PartSpec | Sequence[PartSpec] = (),
        sample_weight: DataLike | None = None,
    ) -> dict[str, MetricValue]:
        """``loss`` and each metric over the data, in inference.

        Args:
            X: Inputs ``(N, D)``, or a source (``nnkit.data.Rows``, ``nnkit.data.Stream``, shards).
            y: Targets, as for ``fit``.
            metrics: Names or specs.
            sample_weight: ``(N,)``, non-negative.

        Raises:
            DataError: When the data cannot be used.
        """
        named = metrics_of(metrics)
        data: TrainingData | Source | ShardedData
        if (shards := as_shards(X, y, sample_weight)) is not None:
            data = checked_shards(shards, self.model, self.parameters.dtype)
        elif (source := as_source(X, y, sample_weight)) is not None:
            data = WindowSource.checked(source, self.model, self.parameters.dtype)
        else:
            if y is None:
                raise DataError("evaluate was passed inputs without targets; pass y")
            data = as_data(self.model, self._rows_from(cast("DataLike", X)), y, sample_weight)
        return evaluation.evaluate(self.model, self._vectors(), data, named)

    def jacobian(self, X: DataLike) -> Array:
        """``J[n, k, d] = d prediction[n, k] / dX[n, d]``, ``(N, K, D_in)``: the effect of each input on each output.

        The prediction is that of ``predict``, in the units of the targets.

        Raises:
            DataError: When ``X`` cannot be used.
            NotOfferedError: When a layer cannot keep the rows apart; says why.
        """
        slopes = jacobians.input_jacobian(self.model, self.parameters, self.buffers, self.inputs_from(X))
        return self._in_units(slopes)

    def parameter_jacobian(self, X: DataLike) -> Array:
        """``J[n, k, p] = d prediction[n, k] / d parameters[p]``, ``(N, K, P)``, exact; raises as ``jacobian``.

        ``P`` counts the trainable parameters, the first of ``parameters``.
        """
        slopes = jacobians.parameter_jacobian(
            compiled_model(self.model), self.parameters, self.buffers, self.inputs_from(X)
        )
        return self._in_units(slopes)

    def per_sample_gradients(self, X: DataLike, y: DataLike) -> Array:
        """``G[n, p] = d loss[n] / d parameters[p]``, ``(N, P)``: of each sample's own loss, without penalties.

        ``P`` counts the trainable parameters, the first of ``parameters``.

        Their mean over the samples is the gradient of the loss. Raises as ``jacobian``.
        """
        x, target, _ = as_data(self.model, self.inputs_from(X), y)
        return jacobians.per_sample_gradients(compiled_model(self.model), self.parameters, self.buffers, x, target)

    def trace(self, X: DataLike, y: DataLike | None = None, *, sample_weight: DataLike | None = None) -> Trace:
        """The inputs and outputs of each layer, in inference; with targets, also every gradient of the backward pass.

        The last ``activation`` is bit-identical to the prediction (before it is in the units of scaled targets).

        Args:
            X: Inputs ``(N, D)``.
            y: Targets, as for ``fit``.
            sample_weight: ``(N,)``, non-negative.

        Raises:
            DataError: When the data cannot be used.

        Example:
            >>> hidden, output = nnkit.Network([2, 3, 1], seed=0).trace([[1.0, -1.0]], [[0.5]])
            >>> hidden.preactivation.shape, output.gradients["weight"].shape
            ((1, 3), (3, 1))
        """
        x = self.inputs_from(X)
        vectors = Vectors(self.parameters.copy(), None, self.buffers.copy())  # the trace stays as it is in training
        if y is None:
            if sample_weight is not None:
                raise DataError("sample_weight was given without targets; pass y as well")
            return trace.trace(self.model, vectors, x)
        return trace.trace_gradients(self.model, vectors, *as_data(self.model, x, y, sample_weight))

    def _in_units(self, slopes: Array) -> Array:
        """Derivatives of the outputs ``(N, K, …)`` in the units of the targets."""
        factor = self.model.unscaled_slope(slopes.dtype)
        if factor is not None:
            slopes *= factor[:, None]
        return slopes

    def _vectors(self) -> Vectors:
        return self._forwards.vectors(self.parameters, self.buffers)


def metrics_of(metrics: PartSpec | Sequence[PartSpec]) -> dict[str, Metric]:
    """The metrics by their name in the logs; the second and later ones of a name are numbered."""
    several = isinstance(metrics, Iterable) and not isinstance(metrics, (str, Mapping))
    many: list[PartSpec] = list(metrics) if several else [metrics]  # type: ignore[arg-type, list-item]
    named: dict[str, Metric] = {}
    for spec in many:
        metric: Metric = registry.create("metric", spec)
        name = getattr(metric, "label", "") or (registry.name_of(metric) or type(metric).__name__).rpartition("/")[2]
        unique, count = name, 1
        while unique in named:
            count += 1
            unique = f"{name}_{count}"
        named[unique] = metric
    return named
