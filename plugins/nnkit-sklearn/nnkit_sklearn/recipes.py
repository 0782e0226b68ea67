"""Estimators whose parameters are chosen by a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nnkit import Ensemble, Network, fit_recipe
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.preparing.recipe import RecipePlan

__all__ = ["chosen", "fit_by_recipe"]

RENAMED = {"hidden_layer_sizes": "hidden", "max_iter": "epochs", "n_members": "members"}
"""Parameters of the estimators that recipes call otherwise."""

OTHERS = {
    "recipe",
    "random_state",
    "class_weight",
    "warm_start",
    "early_stopping",
    "intervals",
    "validation_fraction",
    "n_iter_no_change",
    "tol",
}
"""Parameters that are no choice of a recipe."""


class Goal(Protocol):
    """What one model is trained for."""

    @property
    def task(self) -> Any:
        """Its task."""

    @property
    def y(self) -> Any:
        """Its targets."""

    @property
    def factor(self) -> Array | None:
        """Of each row's weight."""


def chosen(estimator: Any) -> dict[str, Any]:
    """The choices of a recipe that are replaced: parameters with another value than their default."""
    defaults = inspect.signature(type(estimator)).parameters
    choices = {
        RENAMED.get(name, name): value
        for name, value in estimator.get_params(deep=False).items()
        if name not in OTHERS and not _is(value, defaults[name].default)
    }
    if "hidden" in choices:
        sizes = choices["hidden"]
        choices["hidden"] = [int(sizes)] if isinstance(sizes, (int, np.integer)) else list(sizes)
    return choices


def fit_by_recipe(
    estimator: Any, X: DataLike, goals: Sequence[Goal], weight: Array | None, seed: int
) -> tuple[list[RecipePlan[Network]], list[Ensemble]]:
    """The plan and the members of each target; further targets have larger seeds."""
    plans, models = [], []
    for number, goal in enumerate(goals):
        plan = Network.recipe(
            estimator.recipe, X, goal.y, task=goal.task, seed=seed + 1000 * number, **chosen(estimator)
        )
        factors = [factor for factor in (weight, goal.factor) if factor is not None]
        models.append(fit_recipe(plan, X, goal.y, sample_weight=np.prod(factors, axis=0) if factors else None))
        plans.append(plan)
    return plans, models


def _is(value: object, default: object) -> bool:
    """Whether a parameter has its default value."""
    return value is default or (type(value) is type(default) and bool(value == default))
