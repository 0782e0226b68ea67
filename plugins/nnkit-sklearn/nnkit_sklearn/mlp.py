"""Training of a network by the rules of scikit-learn's MLP: batches, stopping, learning rates, attributes."""

from __future__ import annotations

import functools
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,  # the check of sample weights that third-party estimators use
    check_is_fitted,
    validate_data,
)

from nnkit import Network
from nnkit.arrays import Array
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.data.arrays import DataLike
from nnkit.data.labels import Labels
from nnkit.errors import TrainingWarning
from nnkit.interfaces import PartSpec, TrainingView
from nnkit_sklearn.held_out import Held
from nnkit_sklearn.mapping import dense, divisor, initial_arrays, loss_offset, network_of, uses_batches
from nnkit_sklearn.mlp_parameters import check_parameters

__all__ = ["HiddenWidths", "MLPEstimator", "RandomState"]

HiddenWidths: TypeAlias = int | Sequence[int]
RandomState: TypeAlias = int | np.random.RandomState | None

SMALLEST_RATE = 1e-6
"""The adaptive learning rate stops the training below this."""

ADVICE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


class MLPEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A multi-layer perceptron with scikit-learn's parameters and attributes, trained by nnkit."""

    hidden_layer_sizes: HiddenWidths
    activation: str
    solver: PartSpec
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: RandomState
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int

    network_: Network
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    t_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- attributes of scikit-learn ------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "network_" in vars(self)

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, ``(fan_in, fan_out)``: views of those of ``network_``."""
        return self._fitted_network("coefs_").weights

    @coefs_.setter
    def coefs_(self, arrays: Sequence[npt.ArrayLike]) -> None:
        self._assign("weight", arrays)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, ``(fan_out,)``: views of those of ``network_``."""
        return self._fitted_network("intercepts_").biases

    @intercepts_.setter
    def intercepts_(self, arrays: Sequence[npt.ArrayLike]) -> None:
        self._assign("bias", arrays)

    def _fitted_network(self, name: str) -> Network:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        return self.network_

    def _assign(self, role: str, arrays: Sequence[npt.ArrayLike]) -> None:
        network = self._fitted_network("coefs_" if role == "weight" else "intercepts_")
        for layer, array in enumerate(arrays):
            network.arrays[f"{layer}.{role}"] = array

    # -- what classifier and regressor do in their own way -------------------------------------

    @abstractmethod
    def _validated(self, X: DataLike, y: DataLike, *, incremental: bool, reset: bool) -> tuple[Array, Array]:
        """Inputs, and targets ``(N, K)``: numbers, or 0 and 1 for classes."""

    @abstractmethod
    def _output(self) -> str:
        """``out_activation_`` for the targets that were validated."""

    @abstractmethod
    def _target(self, y: Array) -> Array | Labels:
        """Targets ``(N, K)`` for ``Network.fit``."""

    @abstractmethod
    def _stratum(self, y: Array) -> Array | None:
        """What the validation of early stopping is stratified by."""

    @abstractmethod
    def _held_targets(self, y: Array) -> Array:
        """Targets ``(N, K)`` as ``score`` expects them."""

    @abstractmethod
    def _validation_score(self, held: Held) -> float:
        """The score of the present parameters; NaN when a prediction is not finite."""

    # -- training ------------------------------------------------------------------------------

    def _fit(self, X: DataLike, y: DataLike, sample_weight: npt.ArrayLike | None, *, incremental: bool = False) -> Self:
        self._check_parameters()
        fitted = self.__sklearn_is_fitted__()
        first = not fitted or not (self.warm_start or incremental)
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=np.intp)).tolist()
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        batches = uses_batches(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        x, target = self._validated(X, y, incremental=incremental, reset=first)
        if not batches:
            x = dense(x)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x)
        if weight is not None and not weight.any():
            raise ValueError("sample_weight is all zeros; expected at least one weight above 0")
        widths = [x.shape[1], *sizes, target.shape[1]]
        rng = check_random_state(self.random_state)
        held = None
        if first:
            self._begin(target)
            self.n_layers_ = len(widths)
            arrays = initial_arrays(widths, self.activation, rng)
        else:
            arrays = [*self.coefs_, *self.intercepts_]
        if self.early_stopping and batches:
            x, target, weight, held = self._split(x, target, weight, rng)
        rows = self._batch_rows(x.shape[0]) if batches else x.shape[0]
        if not (incremental and fitted):
            network = network_of(
                self,
                widths,
                self.out_activation_,
                weight=rows if weight is None else rows * float(weight.mean()),
                seed=int(rng.randint(np.iinfo(np.int32).max)),
                dtype=x.dtype,
            )
            count = len(widths) - 1
            for place, array in enumerate(arrays):
                role = "weight" if place < count else "bias"
                network.arrays[f"{place % count}.{role}"] = array
            self.network_ = network
        self._train(x, target, weight, held, rows=rows, batches=batches, incremental=incremental)
        if not np.isfinite(self.network_.parameters).all():
            raise ValueError(ADVICE)
        return self

    def _begin(self, y: Array) -> None:
        self.n_iter_ = self.t_ = 0
        self.n_outputs_ = y.shape[1]
        self.out_activation_ = self._output()
        self.loss_curve_ = []
        self._no_improvement_count = 0
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self.best_loss_ = None if self.early_stopping else np.inf

    def _split(
        self, x: Array, y: Array, weight: Array | None, rng: np.random.RandomState
    ) -> tuple[Array, Array, Array | None, Held]:
        arrays = [x, y] if weight is None else [x, y, weight]
        parts = train_test_split(
            *arrays, random_state=rng, test_size=self.validation_fraction, stratify=self._stratum(y)
        )
        if len(parts[3]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        weights = (None, None) if weight is None else parts[4:]
        return parts[0], parts[2], weights[0], Held(parts[1], self._held_targets(parts[3]), weights[1])

    def _batch_rows(self, samples: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, samples)
        if self.batch_size > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        return min(int(self.batch_size), samples)

    def _train(
        self,
        x: Array,
        y: Array,
        weight: Array | None,
        held: Held | None,
        *,
        rows: int,
        batches: bool,
        incremental: bool,
    ) -> None:
        """Train ``network_``; the attributes follow after each epoch."""
        network, self.n_iter_ = self.network_, 0
        self._stopped = False
        best = network.parameters.copy()

        def epoch_end(view: TrainingView) -> None:
            self._count_epoch(view.logs["loss"], x.shape[0])
            if batches and self._judge(held):
                best[...] = view.parameters
            if batches:
                self._continue_or_stop(view)

        # "invscaling" and "adaptive" go on in the next partial_fit, where nnkit's own rate of a run ends with it.
        if not (incremental and "_rate" in vars(self)):
            self._rate = float(self.learning_rate_init)
        follow = functools.partial(self._set_rate, rate=self._rate) if self.solver == "sgd" else None
        self._offset = loss_offset(self.out_activation_, y, weight)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TrainingWarning)  # scikit-learn warns of no data
                network.fit(
                    x,
                    self._target(y),
                    epochs=1 if incremental else self.max_iter,
                    batch_size=rows if batches else None,
                    sampling="shuffle" if self.shuffle else "sequential",
                    sample_weight=weight,
                    callbacks=[LambdaCallback(train_begin=follow, epoch_end=epoch_end)],
                )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        else:
            if not incremental:
                self._warn_of_no_convergence(batches=batches)
        if held is not None:
            network.parameters = best

    def _warn_of_no_convergence(self, *, batches: bool) -> None:
        if batches and not self._stopped and self.n_iter_ == self.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
        reason = self.network_.stop_reason
        if not batches and (reason is None or "used up" in reason):
            warnings.warn(
                f"{self.solver} failed to converge after {self.n_iter_} iteration(s): "
                f"{reason or 'all iterations are done'}. Increase max_iter ({self.max_iter}) or max_fun "
                f"({self.max_fun}), or scale the data.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _count_epoch(self, loss: float, samples: int) -> None:
        factor: float = divisor(self.out_activation_, self.n_outputs_)
        if self.out_activation_ == "identity":
            factor = 1.0 / self.n_outputs_  # scikit-learn reports the mean over outputs, and descends their sum
        self.n_iter_ += 1
        self.t_ += samples
        self.loss_ = float(loss) * factor + self._offset
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")  # noqa: T201  # what verbose asks for

    def _judge(self, held: Held | None) -> bool:
        """Count an epoch without improvement; returns whether its validation score is the best."""
        if held is None:
            best = self.best_loss_ if self.best_loss_ is not None else np.inf
            self._no_improvement_count = self._no_improvement_count + 1 if self.loss_ > best - self.tol else 0
            self.best_loss_ = min(best, self.loss_)
            return False
        score = self._validation_score(held)
        self.validation_scores_ = [*(self.validation_scores_ or []), score]
        if self.verbose:
            print(f"Validation score: {score:f}")  # noqa: T201  # what verbose asks for
        best = self.best_validation_score_ if self.best_validation_score_ is not None else -np.inf
        self._no_improvement_count = self._no_improvement_count + 1 if score < best + self.tol else 0
        self.best_validation_score_ = max(best, score)  # a score that is NaN is not the best
        return score > best

    def _continue_or_stop(self, view: TrainingView) -> None:
        """The learning rate of the next epoch, or the end."""
        rate = self._rate
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            rate = float(self.learning_rate_init) / (self.t_ + 1) ** self.power_t
        if self._no_improvement_count > self.n_iter_no_change:
            what = "Validation score" if self.early_stopping else "Training loss"
            reason = (
                f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
            )
            adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
            if adaptive and rate > SMALLEST_RATE:
                rate /= 5.0
                self._no_improvement_count = 0
                action = f"Setting learning rate to {rate:f}"
            else:
                self._stopped = True
                view.stop(reason)
                action = "Learning rate too small. Stopping." if adaptive else "Stopping."
            if self.verbose:
                print(f"{reason} {action}")  # noqa: T201  # what verbose asks for
        if rate != self._rate:
            self._set_rate(view, rate)

    def _set_rate(self, view: TrainingView, rate: float) -> None:
        self._rate = rate
        view.set_learning_rate(rate * divisor(self.out_activation_, self.n_outputs_))

    # -- prediction ----------------------------------------------------------------------------

    def _prediction(self, X: DataLike) -> Array:
        """The outputs of the network, ``(N, K)``."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, accept_sparse="csr", dtype=(np.float64, np.float32))
        prediction: Array = self.network_.predict(x)
        return prediction

    def _check_parameters(self) -> None:
        """Refuse a parameter that is out of its range.

        Raises:
            ValueError: Names it, with the range.
        """
        check_parameters(self)
