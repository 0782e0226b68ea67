"""scikit-learn's MLPClassifier and MLPRegressor with nnkit inside: only the import changes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.data.labels import Labels
from nnkit.interfaces import PartSpec
from nnkit_sklearn.callbacks import Decorator
from nnkit_sklearn.held_out import Held
from nnkit_sklearn.mapping import uses_batches
from nnkit_sklearn.mlp import HiddenWidths, MLPEstimator, RandomState
from nnkit_sklearn.parameters import store_parameters

__all__ = ["MLPClassifier", "MLPRegressor"]


def _in_batches(estimator: MLPEstimator) -> bool:
    """Whether the optimizer makes a step a batch, which ``partial_fit`` needs.

    Raises:
        AttributeError: When it does not.
    """
    if uses_batches(estimator):
        return True
    raise AttributeError(
        f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
    )


_if_batches: Decorator = available_if(_in_batches)


class MLPClassifier(ClassifierMixin, MLPEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """scikit-learn's ``MLPClassifier`` with nnkit inside: its parameters, attributes and initial weights.

    ``solver`` may also be an optimizer or solver of nnkit or of a plugin, ``"lion(learning_rate=3e-4)"``, which uses
    its own learning rate. ``network_`` is the ``nnkit.Network``.

    Args:
        hidden_layer_sizes: Widths of the hidden layers.
        activation: ``"identity"``, ``"logistic"``, ``"tanh"`` or ``"relu"``.
        solver: ``"adam"``, ``"sgd"``, ``"lbfgs"``, or a spec of nnkit.
        alpha: Strength of the L2 penalty, divided by the rows of a batch; non-negative.
        batch_size: Rows of a batch; ``"auto"`` is 200, or all if there are fewer.
        learning_rate: Of ``"sgd"``: ``"constant"``, ``"invscaling"`` or ``"adaptive"``.
        learning_rate_init: Of ``"adam"`` and ``"sgd"``, above 0.
        power_t: Exponent of ``"invscaling"``, non-negative.
        max_iter: The most epochs, a positive integer.
        shuffle: Whether the rows are in another order in each epoch.
        random_state: Seed of initial weights, validation rows and order.
        tol: Smallest improvement that counts, non-negative.
        verbose: Whether to print the loss of each epoch.
        warm_start: Whether ``fit`` goes on from the last weights.
        momentum: Of ``"sgd"``, in [0, 1).
        nesterovs_momentum: Of ``"sgd"``.
        early_stopping: Whether a validation score decides on the end and the best weights.
        validation_fraction: Share of the rows for it, in [0, 1).
        beta_1: Of ``"adam"``, in [0, 1).
        beta_2: Of ``"adam"``, in [0, 1).
        epsilon: Of ``"adam"``, above 0.
        n_iter_no_change: Epochs without improvement before the end, a positive integer or infinity.
        max_fun: Evaluations of the loss that ``"lbfgs"`` may make.

    Source:
        scikit-learn 1.9, ``sklearn.neural_network.MLPClassifier``.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier((16,), solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
        >>> bool(model.score(X, y) > 0.95), [weights.shape for weights in model.coefs_]
        (True, [(4, 16), (16, 3)])
    """

    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: HiddenWidths = (100,),
        activation: str = "relu",
        *,
        solver: PartSpec = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
    ) -> None:
        store_parameters(self, locals())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: DataLike, y: DataLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train until the loss or the validation score stops improving.

        Args:
            X: Inputs ``(N, D)``, dense or sparse.
            y: Labels ``(N,)``, or 0 and 1 for several labels a row ``(N, K)``.
            sample_weight: ``(N,)``, non-negative.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        return self._fit(X, y, sample_weight)

    @_if_batches
    def partial_fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch over these rows.

        Args:
            X: Inputs ``(N, D)``.
            y: Labels; a part of the classes may be missing.
            sample_weight: ``(N,)``, non-negative.
            classes: All classes, needed in the first call.

        Raises:
            ValueError: Without ``classes`` in the first call, or with other ones later.
        """
        if classes is not None:
            labels = np.unique(classes)
            if self.__sklearn_is_fitted__() and not np.array_equal(labels, self.classes_):
                raise ValueError(f"classes is {labels}; in the first call it was {self.classes_}")
        elif not self.__sklearn_is_fitted__():
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if not self.__sklearn_is_fitted__():
            self._learn(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: DataLike) -> Array:
        """The label of each row ``(N,)``; for several labels a row 0 and 1, ``(N, K)``."""
        return self._labels_of(self._prediction(X))

    def predict_proba(self, X: DataLike) -> Array:
        """The probability of each class ``(N, C)``."""
        prediction = self._prediction(X)
        return np.hstack([1.0 - prediction, prediction]) if self.n_outputs_ == 1 else prediction

    def predict_log_proba(self, X: DataLike) -> Array:
        """The logarithm of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    # -- inside --------------------------------------------------------------------------------

    def _learn(self, y: DataLike | None) -> None:
        self._label_binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._label_binarizer.classes_

    def _labels_of(self, prediction: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(
            prediction.ravel() if self.n_outputs_ == 1 else prediction
        )
        return labels

    def _validated(self, X: DataLike, y: DataLike, *, incremental: bool, reset: bool) -> tuple[Array, Array]:
        x: Array
        labels: Array
        x, labels = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32), reset=reset
        )
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = column_or_1d(labels, warn=True)
        if not incremental and reset:
            self._learn(labels)
        else:
            present = unique_labels(labels)
            if self.warm_start and set(present) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {present}"
                )
            if len(np.setdiff1d(present, self.classes_)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {present}."
                )
        return x, self._label_binarizer.transform(labels).astype(bool)

    def _output(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _target(self, y: Array) -> Array | Labels:
        if self.out_activation_ == "logistic" and (self.n_outputs_ > 1 or len(self.classes_) < 2):
            return y.astype(np.float64)
        codes = y[:, 0].astype(np.intp) if self.n_outputs_ == 1 else y.argmax(axis=1)
        return Labels(tuple(self.classes_.tolist()), codes)

    def _stratum(self, y: Array) -> Array | None:
        return y if self.n_outputs_ == 1 else None

    def _held_targets(self, y: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(y)
        return labels

    def _validation_score(self, held: Held) -> float:
        prediction = self.network_.predict(held.x)
        if not np.isfinite(prediction).all():
            return np.nan
        return float(accuracy_score(held.y, self._labels_of(prediction), sample_weight=held.weight))


class MLPRegressor(RegressorMixin, MLPEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """scikit-learn's ``MLPRegressor`` with nnkit inside: its parameters, attributes and initial weights.

    Args:
        loss: ``"squared_error"``, or ``"poisson"`` for counts.
        hidden_layer_sizes: Widths of the hidden layers; this and all that follow as in ``MLPClassifier``.
        activation: Of the hidden layers.
        solver: ``"adam"``, ``"sgd"``, ``"lbfgs"``, or a spec of nnkit such as ``"levenberg_marquardt"``.
        alpha: Strength of the L2 penalty.
        batch_size: Rows of a batch.
        learning_rate: Of ``"sgd"``.
        learning_rate_init: Of ``"adam"`` and ``"sgd"``.
        power_t: Exponent of ``"invscaling"``.
        max_iter: The most epochs.
        shuffle: Whether the rows are in another order in each epoch.
        random_state: Seed of initial weights, validation rows and order.
        tol: Smallest improvement that counts.
        verbose: Whether to print the loss of each epoch.
        warm_start: Whether ``fit`` goes on from the last weights.
        momentum: Of ``"sgd"``.
        nesterovs_momentum: Of ``"sgd"``.
        early_stopping: Whether a validation score decides on the end.
        validation_fraction: Share of the rows for it.
        beta_1: Of ``"adam"``.
        beta_2: Of ``"adam"``.
        epsilon: Of ``"adam"``.
        n_iter_no_change: Epochs without improvement before the end.
        max_fun: Evaluations of the loss that ``"lbfgs"`` may make.

    Source:
        scikit-learn 1.9, ``sklearn.neural_network.MLPRegressor``.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 60)[:, None]
        >>> model = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", random_state=0)
        >>> bool(model.fit(X, np.sin(3.0 * X[:, 0])).score(X, np.sin(3.0 * X[:, 0])) > 0.99)
        True
    """

    loss: str

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: HiddenWidths = (100,),
        activation: str = "relu",
        *,
        solver: PartSpec = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
    ) -> None:
        store_parameters(self, locals())

    def fit(self, X: DataLike, y: DataLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train until the loss or the validation score stops improving.

        Args:
            X: Inputs ``(N, D)``, dense or sparse.
            y: Targets ``(N,)`` or ``(N, K)``.
            sample_weight: ``(N,)``, non-negative.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        return self._fit(X, y, sample_weight)

    @_if_batches
    def partial_fit(self, X: DataLike, y: DataLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch over these rows.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: DataLike) -> Array:
        """The prediction of each row, ``(N,)``, or ``(N, K)`` for several targets."""
        prediction = self._prediction(X)
        return prediction[:, 0] if self.n_outputs_ == 1 else prediction

    # -- inside --------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.loss not in {"squared_error", "poisson"}:
            raise ValueError(f"loss is {self.loss!r}; expected 'squared_error' or 'poisson'")

    def _validated(self, X: DataLike, y: DataLike, *, incremental: bool, reset: bool) -> tuple[Array, Array]:
        x: Array
        target: Array
        x, target = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if target.ndim == 2 and target.shape[1] == 1:
            target = column_or_1d(target, warn=True)
        return x, target[:, None] if target.ndim == 1 else target

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _target(self, y: Array) -> Array | Labels:
        return y

    def _stratum(self, y: Array) -> Array | None:
        return None

    def _held_targets(self, y: Array) -> Array:
        return y

    def _validation_score(self, held: Held) -> float:
        prediction = self.network_.predict(held.x)
        if not np.isfinite(prediction).all():
            return np.nan
        return float(r2_score(held.y, prediction, sample_weight=held.weight))
