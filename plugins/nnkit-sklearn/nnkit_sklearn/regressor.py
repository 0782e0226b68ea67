"""A regressor of scikit-learn that is a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin

from nnkit import Ensemble
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.data.scaling import TargetScaling
from nnkit.inference import intervals
from nnkit.inference.intervals import Intervals
from nnkit.interfaces import PartSpec
from nnkit.network.composition import DEFAULTS
from nnkit_sklearn.base import Goal, HiddenLayers, NetworkEstimator
from nnkit_sklearn.mapping import dense
from nnkit_sklearn.parameters import store_parameters

__all__ = ["NetworkRegressor"]


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A network that predicts one or several numbers.

    Every part is a name or spec, ``"adam(learning_rate=3e-4)"``, and its hyperparameters are nested parameters,
    ``optimizer__learning_rate``.

    Args:
        hidden_layer_sizes: Widths of the hidden layers, or layers: ``(64, "dropout(rate=0.2)", 32)``.
        hidden_activation: Of the hidden layers.
        output_activation: By default the one that fits the loss; for most losses none.
        loss: By default the mean squared error.
        optimizer: An optimizer, or a solver such as ``"levenberg_marquardt"``.
        initializer: Of weights.
        bias_initializer: Of biases.
        regularizer: Of all weights.
        max_iter: Epochs of ``fit``; of a solver, its steps. A positive integer.
        batch_size: Rows of a batch; ``None`` takes all. Solvers always do.
        target_scaling: ``"standardize"`` or ``"minmax"`` scales each target column for the loss; predictions stay in
            the units of ``y``.
        early_stopping: Whether to stop when the validation loss has not improved by more than ``tol`` for
            ``n_iter_no_change`` epochs, and to go back to the best parameters.
        validation_fraction: Share of the rows for early stopping where ``fit`` has no ``X_val``, in (0, 1).
        n_iter_no_change: Epochs without improvement, a positive integer.
        tol: Smallest improvement that counts, non-negative.
        metrics: Evaluated after each epoch; their values are in ``network_.history``.
        callbacks: Further callbacks of every ``fit``.
        warm_start: Whether ``fit`` goes on from the last parameters, for ``max_iter`` further epochs.
        intervals: Whether ``fit`` stores the training data, which ``predict_interval`` needs.
        recipe: ``"tabular"``, ``"fitnet"`` or another recipe, which then chooses all parameters that have their default
            value here. A frame may have text columns and missing values. ``print(model.plan_)`` shows the choices.
        n_members: Networks with seeds of their own, whose predictions are averaged; by default 1, with a recipe its
            own number.
        random_state: Seed of all random numbers.
        dtype: ``"float32"`` or ``"float64"``; by default float32 for float32 data, else float64.

    Attributes:
        loss_curve_: The loss of each epoch.
        n_iter_: Epochs so far.
        network_: The trained ``nnkit.Network``, where there is one.
        models_: What predicts each target: a network, or the ``nnkit.Ensemble`` of several members.
        plan_: The choices of a recipe, where there is one target.
        n_features_in_: Columns of ``X``.
        feature_names_in_: Names of the columns of ``X``, where it had any.

    Example:
        >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, (100, 2))
        >>> y = 1000.0 + 50.0 * X[:, 0] * X[:, 1]
        >>> model = NetworkRegressor((8,), optimizer="lbfgs", target_scaling="standardize", random_state=0)
        >>> bool(model.fit(X, y).score(X, y) > 0.99)
        True
    """

    intervals: bool
    _training_data: tuple[DataLike, DataLike, npt.ArrayLike | None] | None

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
        target_scaling: TargetScaling | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 0.0,
        metrics: PartSpec | Sequence[PartSpec] = (),
        callbacks: PartSpec | Sequence[PartSpec] = (),
        warm_start: bool = False,
        intervals: bool = False,
        recipe: PartSpec | None = None,
        n_members: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        store_parameters(self, locals())

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
            y: Targets ``(N,)`` or ``(N, K)``.
            sample_weight: ``(N,)``, non-negative.
            X_val: Inputs for validation, also for early stopping.
            y_val: Their targets.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        self._fit(
            X,
            y,
            sample_weight,
            validation=(X_val, y_val),
            epochs=self._epochs(),
            continues=self._continues(),
            stopping=True,
        )
        self._training_data = (X, y, sample_weight) if self.intervals else None
        return self

    def partial_fit(self, X: DataLike, y: DataLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch over these rows, without early stopping.

        Raises:
            ValueError: When the data or a parameter cannot be used.
        """
        self._training_data = None  # intervals need all of the data
        return self._fit(X, y, sample_weight, epochs=1, continues=self.__sklearn_is_fitted__(), stopping=False)

    def predict(self, X: DataLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """The prediction of each row, ``(N,)``, or ``(N, K)`` for several targets, in the units of ``y``.

        Args:
            X: Inputs ``(N, D)``.
            return_std: Whether to return the standard deviation of a new observation too: that which the loss predicts
                (``"gaussian_nll"``), else, with ``intervals=True``, the one of ``predict_interval``.

        Raises:
            ValueError: When ``return_std`` is asked for, and there is none.
        """
        x = self._inputs(X)
        if not return_std:
            return _columns(self.models_[0].predict(x, point=True))
        if isinstance(self.models_[0], Ensemble):
            bounds = self._intervals(x, 0.95)
            return _columns(bounds.prediction), _columns(bounds.standard_error)
        prediction = self.network_.predict(x)
        point = _columns(self.network_.loss.point(prediction))
        if self.network_.loss.offers("standard_deviation"):
            return point, _columns(self.network_.loss.standard_deviation(prediction))
        if self._training_data is None:
            raise ValueError(
                f"return_std needs a loss that predicts a distribution, which {self.network_.loss!r} does not: use "
                "loss='gaussian_nll', or intervals=True with a loss that is a sum of squares"
            )
        return point, _columns(self._intervals(x, 0.95).standard_error)

    def predict_interval(self, X: DataLike, coverage: float = 0.95) -> tuple[Array, Array]:
        """The lower and the upper bound of a new observation at each row, each in the shape of ``predict``.

        They cover as stated when the network was trained to a minimum of a sum of squares with noise of one variance;
        see ``nnkit.inference.intervals``. Those of a recipe come from rows that members left out, and assume neither;
        see ``nnkit.Ensemble.intervals``.

        Args:
            X: Inputs ``(N, D)``.
            coverage: The share of observations between the bounds, in (0, 1).

        Raises:
            ValueError: When the estimator has no training data: it was fitted without ``intervals=True``, or by
                ``partial_fit``.
        """
        x = self._inputs(X)
        if self._training_data is None and not isinstance(self.models_[0], Ensemble):
            raise ValueError("predict_interval needs the training data: set intervals=True and call fit")
        bounds = self._intervals(x, coverage)
        return _columns(bounds.lower), _columns(bounds.upper)

    def _intervals(self, x: Array, coverage: float) -> Intervals:
        model = self.models_[0]
        if isinstance(model, Ensemble):
            return model.intervals(x, level=coverage)
        assert self._training_data is not None  # both callers report it
        X_train, y_train, weight = self._training_data
        return intervals(self.network_, dense(X_train), y_train, dense(x), level=coverage, sample_weight=weight)

    def _goals(self, y: Array, weight: Array | None, *, continues: bool, classes: npt.ArrayLike | None) -> list[Goal]:
        return [Goal("regression", y)]

    def _validation_targets(self, y: Array) -> list[DataLike]:
        return [y]


def _columns(prediction: Array) -> Array:
    return prediction[:, 0] if prediction.shape[1] == 1 else prediction
