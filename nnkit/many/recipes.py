"""Training by a recipe: the members, each on the rows that are its own, and the ensemble of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sized
from typing import Any, Literal, cast

import numpy as np

from nnkit.arrays import Array
from nnkit.data.arrays import DataLike, as_inputs
from nnkit.data.columns import complete_rows
from nnkit.data.table import tabular
from nnkit.data.targets import as_data
from nnkit.errors import DataError, TrainingWarning, warn
from nnkit.inference.leverage import influence
from nnkit.interfaces import PartSpec, Solver
from nnkit.many.calibration import LeftOut, Limits
from nnkit.many.ensemble import Ensemble
from nnkit.many.fits import Executor, Fit, Task, results
from nnkit.many.rows import fold_rows, rows_of
from nnkit.network.network import Network
from nnkit.preparing.recipe import RecipePlan, labels_of

__all__ = ["fit_recipe"]

USED_UP = 0.8
"""Fraction of the residuals beside which that many determined parameters are reported."""


def fit_recipe(
    recipe: PartSpec | RecipePlan[Network],
    X: DataLike,
    y: DataLike,
    *,
    sample_weight: DataLike | None = None,
    workers: Literal["threads", "processes"] | Executor = "threads",
    jobs: int = 1,
    progress: Callable[[Fit], None] | None = None,
    **choices: object,
) -> Ensemble:
    """Train what a recipe chooses for these data; the result predicts, and states intervals for regression.

    Args:
        recipe: A name or spec, or the plan that ``Network.recipe`` made for these data.
        X: Inputs ``(N, D)``, or a table with text columns and missing values.
        y: Targets; integers need ``task``.
        sample_weight: ``(N,)``, non-negative.
        workers: As for ``fit_many``.
        jobs: Members that are trained at a time.
        progress: Called with the fit of each member when it has ended.
        choices: Replace those of the recipe, as for ``Network.recipe``.

    Raises:
        SpecError: When a choice has no place, or the recipe has none for the task.
        DataError: When the data cannot be used, or no member could be trained.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(120, 2))
        >>> model = fit_recipe("tabular", X, X[:, 0] * X[:, 1], seed=0, members=3, epochs=30)
        >>> bounds = model.intervals(X)
        >>> len(model), bool((bounds.lower <= bounds.prediction).all())
        (3, True)
    """
    if isinstance(recipe, RecipePlan):
        if choices:
            raise DataError(f"the plan has its choices already; pass {', '.join(choices)} to Network.recipe")
        plan = recipe
    else:
        plan = Network.recipe(recipe, X, y, **choices)
    columns = plan.model.description.columns
    X, y, sample_weight = complete_rows(columns, tabular(X), y, sample_weight)
    y = labels_of(y, plan.table.task)
    rows = plan.table.rows
    count = len(cast("Sized", y))
    if count != rows:
        raise DataError(f"y has {count} rows; the plan was made for {rows}")
    # All rows are checked here: the errors of a member count the rows of its own part.
    model = plan.model
    x = as_inputs(X, dtype=np.dtype(np.float64), columns=model.inputs, description=model.description)
    target = as_data(model, x, y, sample_weight)[1]
    parts = list(_parts(plan, y))
    tasks = [
        Task(f"member {number}", network, _arguments(plan, X, y, sample_weight, part), {})
        for number, (network, part) in enumerate(zip(plan.networks(), parts, strict=True), start=1)
    ]
    fits: list[Fit | None] = [None] * len(tasks)
    for place, fit in results(tasks, workers, jobs):
        fits[place] = fit
        if progress is not None:
            progress(fit)
    trained = [(fit.network, part) for fit, part in zip(fits, parts, strict=True) if fit and fit.network]
    failures = [f"{fit.name}: {fit.error}" for fit in fits if fit and fit.error]
    if not trained:
        raise DataError(f"no member could be trained; {failures[0]}")
    if failures:
        warn(f"{len(failures)} of {len(tasks)} members could not be trained; {failures[0]}", TrainingWarning)
    networks = [network for network, _ in trained]
    _report_solvers(plan, networks)
    left_out, limits = _calibration(plan, trained, (X, y, sample_weight), x, target)
    table = [{"name": fit.name, **fit.row, "stopped": _reason(fit), "error": fit.error} for fit in fits if fit]
    return Ensemble(
        networks,
        combine=plan.choices.combine,
        left_out=left_out,
        limits=limits,
        notes={"recipe": plan.describe(), "table": table},
    )


def _parts(plan: RecipePlan[Network], y: Any) -> Iterator[tuple[Any, Any] | None]:
    """Of each member its rows of training and of validation; ``None`` for one that is trained on all."""
    members, rows = plan.choices.members, plan.table.rows
    folds = min(plan.choices.folds, rows)
    if not folds:
        yield from [None] * members
    else:
        seeds = itertools.count(plan.composition.seed)  # one division after another, as long as there are members
        divisions = (part for seed in seeds for part in fold_rows(folds, rows, y, seed))
        yield from itertools.islice(divisions, members)


def _arguments(plan: RecipePlan[Network], X: Any, y: Any, weight: Any, part: Any) -> dict[str, Any]:
    """Of ``fit``."""
    training = dict(plan.choices.training)
    if part is None:
        return {"X": X, "y": y, "sample_weight": weight, **training}
    own, others = part
    weights = None if weight is None else rows_of(weight, own)
    held_out = (rows_of(X, others), rows_of(y, others))
    held_out += () if weight is None else (rows_of(weight, others),)
    data = {"X": rows_of(X, own), "y": rows_of(y, own), "sample_weight": weights, "validation_data": held_out}
    return data | training


def _calibration(
    plan: RecipePlan[Network], trained: list[tuple[Network, Any]], data: tuple[Any, Any, Any], x: Any, target: Array
) -> tuple[LeftOut | None, Limits | None]:
    X, y, weight = data
    if plan.table.task != "regression":
        return None, Limits.of(x, np.empty((len(x), 0)))
    target = target.astype(np.float64)
    limits = Limits.of(x, target) if np.isfinite(target).all() else None
    optimizer = plan.composition.optimizer
    at_minimum = isinstance(optimizer, Solver) and optimizer.needs_residual
    errors, members, rows = [], [], []
    for member, (network, part) in enumerate(trained):
        if part is not None:
            own = part[1]
            error = network.predict(rows_of(X, own), point=True) - target[own]
        elif at_minimum and limits is not None:
            error = influence(network, X, y, sample_weight=weight).left_out_error
            own = np.flatnonzero(np.isfinite(error).all(axis=1))  # a row with leverage 1 has none
            error = error[own]
        else:
            continue
        errors.append(error)
        members.append(np.full(len(own), member))
        rows.append(own)
    if limits is None or not sum(map(len, rows)):
        return None, limits
    left_out = LeftOut(error=np.concatenate(errors), member=np.concatenate(members), row=np.concatenate(rows))
    return left_out, limits


def _reason(fit: Fit) -> str | None:
    return None if fit.network is None else fit.network.stop_reason


def _report_solvers(plan: RecipePlan[Network], networks: list[Network]) -> None:
    """Warn where searches did not end by themselves, or the rows hardly determine the noise."""
    if not isinstance(plan.composition.optimizer, Solver):
        return
    open_ended = [network for network in networks if network.stop_reason is None]
    if 2 * len(open_ended) > len(networks):
        warn(
            f"{len(open_ended)} of {len(networks)} searches made all their {plan.choices.training.get('epochs')} steps "
            "without coming to an end; pass more epochs, or a larger tolerance of the solver",
            TrainingWarning,
        )
    share = 1.0 - 1.0 / plan.choices.folds if plan.choices.folds else 1.0
    rows = round(share * plan.table.rows * plan.table.outputs)
    used = [float(network.history["gamma"][-1]) for network in networks if network.history.get("gamma")]
    if used and np.median(used) > USED_UP * rows:
        warn(
            f"{np.median(used):.0f} of {rows} degrees of freedom are used up by the parameters that the data determine:"
            " little is left to estimate the noise from; use fewer units, or more rows",
            TrainingWarning,
        )
