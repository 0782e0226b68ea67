"""What the estimators share: parameters, validation, and the networks that they train."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self, TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import check_array, check_consistent_length, check_random_state, check_scalar
from sklearn.utils.validation import (
    _check_sample_weight,  # the check of sample weights that third-party estimators use
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from nnkit import Ensemble, Network
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.data.frames import NamedColumns, is_frame
from nnkit.data.labels import Labels
from nnkit.data.scaling import TargetScaling
from nnkit.interfaces import PartSpec, TaskName
from nnkit.many.rows import rows_of
from nnkit.network.composition import Composition
from nnkit.preparing.recipe import RecipePlan
from nnkit_sklearn.callbacks import CallbackSupportMixin, EpochTasks, reporting
from nnkit_sklearn.mapping import dense, is_solver
from nnkit_sklearn.nested import hyperparameters_of, with_hyperparameter
from nnkit_sklearn.recipes import fit_by_recipe

__all__ = ["Goal", "HiddenLayers", "NetworkEstimator"]


HiddenLayers: TypeAlias = int | Sequence[int | PartSpec]
"""Widths of the hidden layers, or layers; one integer is one layer."""

PARTS = {
    "hidden_activation": "activation",
    "output_activation": "activation",
    "loss": "loss",
    "optimizer": "optimizer",
    "initializer": "initializer",
    "bias_initializer": "initializer",
    "regularizer": "regularizer",
}
"""The parameters that describe a part, with its kind."""


@attrs.frozen(eq=False)
class Goal:
    """What one network is trained for.

    Args:
        task: Its task.
        y: Its targets, for ``Network.fit``.
        factor: Of each row's weight, ``(N,)``.
    """

    task: TaskName
    y: Array | Labels
    factor: Array | None = None

    def of_rows(self, rows: Array) -> Goal:
        """The same for the rows of a mask."""
        return attrs.evolve(self, y=self.y[rows], factor=None if self.factor is None else self.factor[rows])


class NetworkEstimator(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """One network, or one for each column of the targets where these are of several classes each."""

    hidden_layer_sizes: HiddenLayers
    hidden_activation: PartSpec
    output_activation: PartSpec | None
    loss: PartSpec | None
    optimizer: PartSpec
    initializer: PartSpec
    bias_initializer: PartSpec
    regularizer: PartSpec | None
    max_iter: int
    batch_size: int | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    metrics: PartSpec | Sequence[PartSpec]
    callbacks: PartSpec | Sequence[PartSpec]
    warm_start: bool
    recipe: PartSpec | None
    n_members: int | None
    random_state: int | np.random.RandomState | None
    dtype: npt.DTypeLike | None
    target_scaling: TargetScaling | None = None

    networks_: list[Network]
    models_: list[Network | Ensemble]
    plan_: RecipePlan[Network]
    loss_curve_: list[Any]
    n_iter_: int
    _compositions: list[Composition]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.recipe is not None
        tags.target_tags.multi_output = True
        return tags

    # -- parameters ----------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with ``deep`` also the hyperparameters of parts, ``optimizer__learning_rate``."""
        parameters: dict[str, Any] = super().get_params(deep=deep)
        if deep:
            for name, kind in PARTS.items():
                nested = hyperparameters_of(kind, parameters[name])
                parameters |= {f"{name}__{inner}": value for inner, value in nested.items()}
        return parameters

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and hyperparameters of parts: ``set_params(optimizer="sgd", optimizer__momentum=0.9)``.

        Raises:
            ValueError: When there is no such parameter, or the part has no such hyperparameter.
        """
        super().set_params(**{name: value for name, value in params.items() if name.partition("__")[0] not in PARTS})
        for name in sorted(params.keys() & PARTS.keys()):
            setattr(self, name, params[name])
        nested = [name for name in params if "__" in name and name.partition("__")[0] in PARTS]
        for name in sorted(nested, key=lambda name: name.count("__")):  # a part before the parts inside of it
            parameter, _, path = name.partition("__")
            spec = with_hyperparameter(PARTS[parameter], getattr(self, parameter), path, params[name])
            setattr(self, parameter, spec)
        return self

    # -- training ------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "networks_" in vars(self)

    @property
    def network_(self) -> Network:
        """The trained network.

        Raises:
            AttributeError: Before ``fit``, or when there is one network for each target column.
        """
        networks = vars(self).get("networks_", [])
        if len(networks) == 1:
            network: Network = networks[0]
            return network
        which = "target column" if len(networks) == len(vars(self).get("models_", ())) else "member"
        reason = f"there are {len(networks)}, one for each {which}: use networks_" if networks else "call fit"
        raise AttributeError(f"{type(self).__name__} has no network_: {reason}")

    @abstractmethod
    def _goals(self, y: Array, weight: Array | None, *, continues: bool, classes: npt.ArrayLike | None) -> list[Goal]:
        """What each network is trained for; sets what depends on the targets, such as ``classes_``."""

    @abstractmethod
    def _validation_targets(self, y: Array) -> list[DataLike]:
        """The targets of validation for each network."""

    @reporting
    def _fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: npt.ArrayLike | None,
        *,
        validation: tuple[DataLike | None, DataLike | None] = (None, None),
        epochs: int,
        continues: bool,
        stopping: bool,
        classes: npt.ArrayLike | None = None,
    ) -> Self:
        """Train each network for its target.

        Args:
            X: Inputs.
            y: Targets.
            sample_weight: Weights.
            validation: ``X_val`` and ``y_val``.
            epochs: Of this call.
            continues: Whether to go on with the networks of the last call.
            stopping: Whether ``early_stopping`` counts.
            classes: All classes, where ``y`` may lack some.
        """
        X_val, y_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together: pass both, or neither")
        x, target = self._validated(X, y, reset=not continues)
        if is_solver(self.optimizer):
            x = dense(x)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x)
        goals = self._goals(target, weight, continues=continues, classes=classes)
        if weight is not None and weight.any() and not weight.all():
            # Rows without weight would otherwise take places in batches, and those of other rows in the validation.
            rows = weight != 0.0
            x, weight, goals = rows_of(x, np.flatnonzero(rows)), weight[rows], [goal.of_rows(rows) for goal in goals]
        if self.recipe is not None:
            own_rows = stopping and not continues and X_val is None
            return self._fit_recipe(x, goals, weight, own_rows=own_rows)
        members = 1 if self.n_members is None else int(check_scalar(self.n_members, "n_members", Integral, min_val=1))
        goals = [goal for goal in goals for _ in range(members)]
        fresh = self._composed(goals)
        compositions = [network.composition for network in fresh]
        if continues and not all(map(_may_continue, self._compositions, compositions)):
            raise ValueError(
                f"the parameters of this {type(self).__name__} describe another network than the fitted one, so its "
                "training cannot go on: only the optimizer may change; set warm_start=False and call fit"
            )
        networks = self.networks_ if continues else fresh
        arguments: dict[str, Any] = {"epochs": epochs, "batch_size": self.batch_size, "metrics": self.metrics}
        tasks = EpochTasks(self, epochs * len(networks), x, target)
        arguments["callbacks"] = [*_as_list(self.callbacks), *tasks.callbacks]
        held_out: list[dict[str, Any]] = [{} for _ in networks]
        if X_val is not None and y_val is not None:
            x_val, target_val = self._validated(X_val, y_val, reset=False)
            targets = [own for own in self._validation_targets(target_val) for _ in range(members)]
            held_out = [{"validation_data": (x_val, own)} for own in targets]
        elif stopping and self.early_stopping:
            held_out = [{"validation_split": self._split(x.shape[0])} for _ in networks]
        if stopping and self.early_stopping:
            arguments["callbacks"].append(
                {"name": "early_stopping", "patience": self.n_iter_no_change, "min_delta": self.tol}
            )
        names = getattr(self, "feature_names_in_", None)
        table = x if names is None else NamedColumns(x, names.tolist())
        for network, goal, own in zip(networks, goals, held_out, strict=True):
            if continues:
                network.optimizer = self.optimizer
            factors = [factor for factor in (weight, goal.factor) if factor is not None]
            arguments["sample_weight"] = np.prod(factors, axis=0) if factors else None
            network.fit(table, goal.y, **arguments, **own)
        tasks.finish()
        if not continues:
            self.networks_, self._compositions = networks, compositions
            groups = [networks[first : first + members] for first in range(0, len(networks), members)]
            self.models_ = [group[0] if members == 1 else Ensemble(group) for group in groups]
        curves = [network.history["loss"] for network in networks]
        self.loss_curve_ = curves[0] if len(curves) == 1 else curves
        self.n_iter_ = max(network.epoch for network in networks)
        return self

    def _fit_recipe(self, X: DataLike, goals: Sequence[Goal], weight: Array | None, *, own_rows: bool) -> Self:
        """Train each target by the recipe.

        Raises:
            ValueError: For what a recipe decides itself.
        """
        if self.early_stopping or not own_rows:
            raise ValueError(
                f"recipe={self.recipe!r} trains its members once and validates them on rows that they leave out: leave "
                "early_stopping, X_val and y_val, warm_start and partial_fit out"
            )
        plans, models = fit_by_recipe(self, X, goals, weight, self._seed())
        self.models_ = list(models)
        self.networks_ = [network for model in models for network in model.networks]
        self._compositions = [network.composition for network in self.networks_]
        self.loss_curve_ = [network.history["loss"] for network in self.networks_]
        self.n_iter_ = max(network.epoch for network in self.networks_)
        if len(plans) == 1:
            self.plan_ = plans[0]
        return self

    def _seed(self) -> int:
        seed = self.random_state
        if isinstance(seed, (int, np.integer)):
            return int(seed)
        return int(check_random_state(seed).randint(np.iinfo(np.int32).max))

    def _reads_frame(self, X: DataLike) -> bool:
        """Whether the column plan of a recipe reads ``X`` as it is: a frame, whatever its columns hold."""
        return self.recipe is not None and is_frame(X)

    def _finite(self) -> bool | str:
        """What scikit-learn checks of arrays: a recipe replaces missing values."""
        return True if self.recipe is None else "allow-nan"

    def _epochs(self) -> int:
        return int(check_scalar(self.max_iter, "max_iter", Integral, min_val=1))

    def _continues(self) -> bool:
        return bool(self.warm_start) and self.__sklearn_is_fitted__()

    def _validated(self, X: DataLike, y: DataLike, *, reset: bool) -> tuple[Array, Array]:
        x: Array
        target: Array
        if self._reads_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            target = check_array(y, ensure_2d=False, dtype="numeric" if is_regressor(self) else None)
            check_consistent_length(X, target)
            frame: Any = X
            return frame, column_or_1d(target, warn=True) if target.ndim == 2 and target.shape[1] == 1 else target
        x, target = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=is_regressor(self),
            ensure_all_finite=self._finite(),
        )
        return x, column_or_1d(target, warn=True) if target.ndim == 2 and target.shape[1] == 1 else target

    def _split(self, samples: int) -> float:
        """The share of the samples for early stopping, of which there is at least one on both sides."""
        share = float(
            check_scalar(
                self.validation_fraction,
                "validation_fraction",
                Real,
                min_val=0,
                max_val=1,
                include_boundaries="neither",
            )
        )
        if samples < 2:
            raise ValueError(
                f"early_stopping needs samples for training and for validation, and n_samples={samples}: pass X_val "
                "and y_val, or set early_stopping=False"
            )
        return min(max(round(samples * share), 1), samples - 1) / samples

    def _composed(self, goals: Sequence[Goal]) -> list[Network]:
        sizes, seed = self.hidden_layer_sizes, self._seed()
        hidden: list[int | PartSpec] = [int(sizes)] if isinstance(sizes, (int, np.integer)) else list(sizes)
        return [
            Network(
                hidden=hidden,
                hidden_activation=self.hidden_activation,
                output_activation=self.output_activation,
                loss=self.loss,
                optimizer=self.optimizer,
                initializer=self.initializer,
                bias_initializer=self.bias_initializer,
                regularizer=self.regularizer,
                seed=seed + number,
                dtype=self.dtype,
                task=goal.task,
                target_scaling=self.target_scaling,
            )
            for number, goal in enumerate(goals)
        ]

    def _inputs(self, X: DataLike) -> Array:
        """``X`` for a prediction."""
        check_is_fitted(self)
        if self._reads_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            return cast("Array", X)
        x: Array = validate_data(
            self,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite=self._finite(),
        )
        return x


def _may_continue(old: Composition, new: Composition) -> bool:
    """Whether only the seed and the optimizer differ."""
    return attrs.evolve(new, seed=old.seed, optimizer=old.optimizer) == old


def _as_list(specs: PartSpec | Sequence[PartSpec]) -> list[PartSpec]:
    several = isinstance(specs, Sequence) and not isinstance(specs, str)
    return list(specs) if several else [specs]  # type: ignore[arg-type,list-item]
