"""A classifier of scikit-learn that is a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from nnkit import Ensemble, Network, plugins
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.errors import NNKitError
from nnkit.interfaces import PartSpec, Task, TaskName
from nnkit.network.composition import DEFAULTS
from nnkit_sklearn.base import Goal, HiddenLayers, NetworkEstimator
from nnkit_sklearn.callbacks import Decorator
from nnkit_sklearn.class_labels import ClassWeight, are_equal, are_within, class_factor, labels_in
from nnkit_sklearn.parameters import store_parameters

__all__ = ["NetworkClassifier"]


def _has_probabilities(estimator: NetworkClassifier) -> bool:
    """Whether the networks predict probabilities; before ``fit``, whether they would.

    Raises:
        AttributeError: When they do not; states what to change.
    """
    if estimator.__sklearn_is_fitted__():
        domain = estimator.networks_[0].model.task.prediction_domain
    elif estimator.loss is None:
        return True
    else:
        output = estimator.output_activation
        try:
            head = None if output is None else plugins.create("activation", output)
            domain = Task.of(plugins.create("loss", estimator.loss), head, 1).prediction_domain
        except NNKitError:
            return True  # fit reports it
    if domain in {"unit", "simplex", "log_simplex"}:
        return True
    raise AttributeError(
        f"loss={estimator.loss!r} with output_activation={estimator.output_activation!r} predicts no probabilities; "
        "use loss=None, or another output activation"
    )


_if_probabilities: Decorator = available_if(_has_probabilities)


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A network that predicts classes: two, several, several labels a row, or several columns of classes.

    Every part is a name or spec, ``"adam(learning_rate=3e-4)"``, and its hyperparameters are nested parameters,
    ``optimizer__learning_rate``. A target with several columns of more than two classes has one network a column.

    Args:
        hidden_layer_sizes: Widths of the hidden layers, or layers: ``(64, "dropout(rate=0.2)", 32)``.
        hidden_activation: Of the hidden layers.
        output_activation: By default the one that fits the loss.
        loss: By default the cross-entropy of the task.
        optimizer: An optimizer, or a solver such as ``"lbfgs"``.
        initializer: Of weights.
        bias_initializer: Of biases.
        regularizer: Of all weights.
        max_iter: Epochs of ``fit``; of a solver, its steps. A positive integer.
        batch_size: Rows of a batch; ``None`` takes all. Solvers always do.
        class_weight: ``{label: weight}`` (labels left out weigh 1), or ``"balanced"``: the same total weight for each
            class; for several target columns a list of them. It multiplies the sample weight, also in the validation
            of early stopping. With several labels a row, its weight is the product over the columns.
        early_stopping: Whether to stop when the validation loss has not improved by more than ``tol`` for
            ``n_iter_no_change`` epochs, and to go back to the best parameters.
        validation_fraction: Share of the rows for early stopping where ``fit`` has no ``X_val``, in (0, 1).
        n_iter_no_change: Epochs without improvement, a positive integer.
        tol: Smallest improvement that counts, non-negative.
        metrics: Evaluated after each epoch; their values are in ``network_.history``.
        callbacks: Further callbacks of every ``fit``.
        warm_start: Whether ``fit`` goes on from the last parameters, for ``max_iter`` further epochs.
        recipe: ``"tabular"``, ``"fitnet"`` or another recipe, which then chooses all parameters that have their default
            value here. A frame may have text columns and missing values. ``print(model.plan_)`` shows the choices.
        n_members: Networks with seeds of their own, whose predictions are averaged; by default 1, with a recipe its
            own number.
        random_state: Seed of all random numbers.
        dtype: ``"float32"`` or ``"float64"``; by default float32 for float32 data, else float64.

    Attributes:
        classes_: The labels, sorted; a list of arrays where the targets have several columns of classes; for several
            labels a row the number of each column.
        loss_curve_: The loss of each epoch; of each network a list where there are several.
        n_iter_: Epochs so far.
        network_: The trained ``nnkit.Network``, where there is one.
        models_: What predicts each target: a network, or the ``nnkit.Ensemble`` of several members.
        plan_: The choices of a recipe, where there is one target.
        networks_: All of them.
        n_features_in_: Columns of ``X``.
        feature_names_in_: Names of the columns of ``X``, where it had any.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NetworkClassifier((16,), optimizer="adam(learning_rate=0.01)", random_state=0).fit(X, y)
        >>> bool(model.score(X, y) > 0.95)
        True
    """

    class_weight: ClassWeight | Sequence[ClassWeight | None] | None
    classes_: Array | list[Array]
    _multilabel: bool

    def __init__(
        self,
        hidden_layer_sizes: HiddenLayers = (100,),
        *,
        hidden_activation: PartSpec = DEFAULTS["hidden_activation"],
        output_activation: PartSpec | None = None,
        loss: PartSpec | None = None,
        optimizer: PartSpec = DEFAULTS["optimizer"],
        initializer: PartSpec = DEFAULTS["initializer"],
        bias_initializer: PartSpec = DEFAULTS["bias_initializer"],
        regularizer: PartSpec | None = None,
        max_iter: int = 200,
        batch_size: int | None = 32,
        class_weight: ClassWeight | Sequence[ClassWeight | None] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 0.0,
        metrics: PartSpec | Sequence[PartSpec] = (),
        callbacks: PartSpec | Sequence[PartSpec] = (),
        warm_start: bool = False,
        recipe: PartSpec | None = None,
        n_members: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        store_parameters(self, locals())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # -- training ------------------------------------------------------------------------------

    def fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: DataLike | None = None,
        y_val: DataLike | None = None,
    ) -> Self:
        """Train the network; with ``X_val`` and ``y_val`` its history has the validation loss of every epoch.

        Args:
            X: Inputs ``(N, D)``; sparse rows need a dense first layer, and become an array for a solver.
            y: Labels ``(N,)``, or 0 and 1 for several labels a row ``(N, K)``, or several columns of labels ``(N, T)``.
            sample_weight: ``(N,)``, non-negative.
            X_val: Inputs for validation, also for early stopping.
            y_val: Their targets.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            validation=(X_val, y_val),
            epochs=self._epochs(),
            continues=self._continues(),
            stopping=True,
        )

    def partial_fit(
        self,
        X: DataLike,
        y: DataLike,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch over these rows, without early stopping.

        ``class_weight="balanced"`` balances the classes among the rows of each call.

        Args:
            X: Inputs ``(N, D)``.
            y: Labels ``(N,)``; a part of the classes may be missing.
            classes: All classes, needed in the first call; a list of them for several columns of labels.
            sample_weight: ``(N,)``, non-negative.

        Raises:
            ValueError: Without ``classes`` in the first call, or with other ones later.
        """
        continues = self.__sklearn_is_fitted__()
        if not continues and classes is None:
            raise ValueError("classes is None in the first call of partial_fit; pass the list of all classes")
        return self._fit(X, y, sample_weight, epochs=1, continues=continues, stopping=False, classes=classes)

    def _goals(self, y: Array, weight: Array | None, *, continues: bool, classes: npt.ArrayLike | None) -> list[Goal]:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        columns = y.shape[1] if y.ndim == 2 else 0
        if columns and kind == "multilabel-indicator":
            labels: Array | list[Array] = np.arange(columns)
        elif columns:
            each = y.T if classes is None else cast("Sequence[npt.ArrayLike]", classes)
            labels = [np.unique(column) for column in each]
        else:
            labels = np.unique(y if classes is None else classes)
        if continues and classes is None and are_within(labels, self.classes_):
            labels = self.classes_
        if continues and not are_equal(labels, self.classes_):
            raise ValueError(f"y has the classes {labels}; the training to go on with has {self.classes_}")
        self.classes_ = labels
        self._multilabel = kind == "multilabel-indicator"
        targets = list(y.T) if columns else [y]
        if self._multilabel:
            factors = self._factors(targets, [np.array([0, 1])] * columns, weight)
            weights = [factor for factor in factors if factor is not None]
            return [Goal("multilabel", self._indicators(y), np.prod(weights, axis=0) if weights else None)]
        each = self._per_network()
        factors = self._factors(targets, each, weight)
        return [
            Goal(self._task(own), labels_in(target, own), factor)
            for target, own, factor in zip(targets, each, factors, strict=True)
        ]

    def _validation_targets(self, y: Array) -> list[DataLike]:
        if self._multilabel:
            return [self._indicators(y)]
        targets = list(y.T) if y.ndim == 2 else [y]
        return [labels_in(target, each, "y_val") for target, each in zip(targets, self._per_network(), strict=True)]

    def _per_network(self) -> list[Array]:
        """The classes of each network."""
        return self.classes_ if isinstance(self.classes_, list) else [self.classes_]

    def _task(self, classes: Array) -> TaskName:
        """Two classes are one output, unless the loss compares outputs with each other.

        Raises:
            ValueError: For a single class.
        """
        if len(classes) < 2:
            raise ValueError(f"y has 1 class, {classes[0]!r}; a classifier needs at least two classes")
        if len(classes) > 2:
            return "multiclass"
        return "multiclass" if self._target_domain() in {"simplex", "index"} else "binary"

    def _target_domain(self) -> str | None:
        """How the loss codes classes, where it is chosen."""
        domain: str | None = None if self.loss is None else plugins.create("loss", self.loss).target_domain
        return domain

    def _indicators(self, y: Array) -> Array:
        """Several labels a row as the loss codes them."""
        indicators = np.asarray(y, dtype=np.float64)
        return 2.0 * indicators - 1.0 if self._target_domain() == "sign" else indicators

    def _factors(self, targets: Sequence[Array], classes: Sequence[Array], weight: Array | None) -> list[Array | None]:
        """For each target column the factor of each row's weight that ``class_weight`` makes."""
        chosen = self.class_weight
        if chosen is None or isinstance(chosen, (str, Mapping)):
            each: Sequence[ClassWeight | None] = [chosen] * len(targets)
        else:
            each = list(chosen)
        if len(each) != len(targets) or (isinstance(chosen, Mapping) and len(targets) > 1):
            raise ValueError(
                f"class_weight is {chosen!r}; expected 'balanced', or a list of {len(targets)} mappings from labels "
                "to weights, one for each target column"
            )
        return [class_factor(*column, weight) for column in zip(each, targets, classes, strict=True)]

    # -- predictions ---------------------------------------------------------------------------

    def predict(self, X: DataLike) -> Array:
        """The label of each row ``(N,)``; ``(N, K)`` where the targets had several columns."""
        x = self._inputs(X)
        if self._multilabel:
            return self.models_[0].predict(x, labels=True)
        columns = [
            model.predict(x, labels=True).astype(classes.dtype)
            for model, classes in zip(self.models_, self._per_network(), strict=True)
        ]
        return np.column_stack(columns) if isinstance(self.classes_, list) else columns[0]

    @_if_probabilities
    def predict_proba(self, X: DataLike) -> Array | list[Array]:
        """The probability of each class ``(N, C)``; a list of such arrays where there is a network for each column.

        For several labels a row the probability of each label, ``(N, K)``.
        """
        x = self._inputs(X)
        return self._answer([_probabilities(model, x) for model in self.models_])

    @_if_probabilities
    def predict_log_proba(self, X: DataLike) -> Array | list[Array]:
        """The logarithm of ``predict_proba``; of a probability that is rounded to 0 it is ``-inf``."""
        x = self._inputs(X)
        with np.errstate(divide="ignore"):
            return self._answer([np.log(_probabilities(model, x)) for model in self.models_])

    def decision_function(self, X: DataLike) -> Array | list[Array]:
        """How much each class is preferred: the class with the largest value is predicted, ``(N, C)``.

        Of two classes the second is predicted above 0, ``(N,)``. Where probabilities are predicted these are their
        logarithms, and log-odds for two classes and for several labels a row.
        """
        x = self._inputs(X)
        return self._answer([_decision(model, x) for model in self.models_])

    def _answer(self, each: list[Array]) -> Array | list[Array]:
        return each if isinstance(self.classes_, list) else each[0]


def _probabilities(network: Network | Ensemble, x: Array) -> Array:
    task = network.model.task
    probabilities = task.probabilities(network.predict(x, point=True))
    return np.hstack([1.0 - probabilities, probabilities]) if task.name == "binary" else probabilities


def _decision(network: Network | Ensemble, x: Array) -> Array:
    task = network.model.task
    if task.prediction_domain not in {"unit", "simplex", "log_simplex"}:
        prediction = network.predict(x, point=True)
        scores = prediction if task.name == "multiclass" else prediction - task.threshold
    else:
        probabilities = task.probabilities(network.predict(x, point=True))
        smallest = np.finfo(probabilities.dtype).tiny
        scores = np.log(np.maximum(probabilities, smallest))
        if task.name != "multiclass":
            scores -= np.log(np.maximum(1.0 - probabilities, smallest))
    return scores[:, 0] if task.name == "binary" else scores
