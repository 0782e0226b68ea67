"""A recipe applied to data: its choices, with some overridden, and the untrained networks that follow from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, final

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike, as_inputs, choose_dtype
from nnkit.data.choices import as_seed
from nnkit.data.columns import ColumnPlan, complete_rows
from nnkit.data.deciding import decided_task, target_columns
from nnkit.data.describing import described
from nnkit.data.labels import Labels, column_of
from nnkit.data.table import Table, tabular
from nnkit.errors import DataError, SpecError
from nnkit.interfaces import Choices, DataDescription, PartSpec, Recipe, TableDescription
from nnkit.interfaces.description import listed
from nnkit.interfaces.task import check_task_name
from nnkit.network.composition import Composition
from nnkit.preparing.deciding import decided, routed
from nnkit.preparing.options import FitOptions
from nnkit.spelling import did_you_mean

__all__ = ["RecipePlan", "plan_of"]

N = TypeVar("N")

NETWORK = set(inspect.signature(Composition.of).parameters) - {"layers", "activations", "deferred"}
TRAINING = {field.name for field in attrs.fields(FitOptions)} - {"resume", "validation_data"}
OWN = {field.name for field in attrs.fields(Choices)} - {"network", "training", "reasons"}


@final
@attrs.frozen(kw_only=True, eq=False)
class RecipePlan(Generic[N]):
    """What a recipe chose for a table: ``print(plan)`` describes it, ``nnkit.fit_recipe(plan, X, y)`` trains it.

    Args:
        recipe: The recipe.
        table: What it was passed about the data.
        choices: Its choices, with some overridden.
        overridden: The names of those.
        composition: Of the first member; the others differ in the seed, which is one larger each.
        model: The structure, with what was learned about columns and classes.
        make: Makes a network.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> plan = nnkit.Network.recipe("tabular", X, X[:, 0] * X[:, 1], seed=0, members=3)
        >>> [network.seed for network in plan.networks()]
        [0, 1, 2]
        >>> print(plan.describe().splitlines()[0])
        recipe          nnkit/tabular
    """

    recipe: Recipe
    table: TableDescription
    choices: Choices
    overridden: frozenset[str]
    composition: Composition
    model: Model
    make: Callable[[Composition, Model], N]

    def networks(self) -> list[N]:
        """The members, untrained."""
        seeds = range(self.composition.seed, self.composition.seed + self.choices.members)
        return [self.make(attrs.evolve(self.composition, seed=seed), self.model) for seed in seeds]

    @property
    def operations(self) -> float:
        """Multiplications and additions of the training, at the most, as the recipe estimates them."""
        return self.recipe.operations(self.table, self.choices)

    def describe(self) -> str:
        """What was chosen and why, as text."""
        table, choices = self.table, self.choices
        inputs = [f"{table.numbers} numbers", f"{table.indicators} inputs that are 0 or 1"]
        inputs += [f"{len(table.categories)} embedded categories"] * bool(table.categories)
        columns = self.model.description.columns
        rules = columns.rules if isinstance(columns, ColumnPlan) else ()
        replaced = [f"{name!r}: {rule.described()}" for name, rule in rules if getattr(rule, "flagged", False)]
        values: dict[str, Any] = {"preparation": list(choices.preparation), **choices.network, **choices.training}
        values |= {"members": choices.members, "folds": choices.folds, "combine": choices.combine}
        lines = [
            ("recipe", registry.name_of(self.recipe) or type(self.recipe).__name__, ""),
            ("data", f"{table.rows:,} rows, {', '.join(inputs)}", ""),
            *([("missing values", listed(replaced, 6), "")] * bool(replaced)),
            ("task", table.task, ""),
        ]
        for name, value in values.items():
            why = "as passed" if name in self.overridden else choices.reasons.get(name, "")
            lines.append((name, _shown(value), why))
        lines.append(("cost", f"at most {self.operations:.1e} multiplications and additions", ""))
        width = max(len(name) for name, _, _ in lines)
        return "\n".join(f"{name:{width}}  {text}{f' ({why})' if why else ''}" for name, text, why in lines)

    __str__ = describe


def plan_of(
    make: Callable[[Composition, Model], N],
    recipe: PartSpec,
    X: DataLike,
    y: DataLike,
    overrides: Mapping[str, Any],
) -> RecipePlan[N]:
    """The plan of a recipe for ``X`` and ``y``; see ``nnkit.Network.recipe``.

    Raises:
        SpecError: When an override has no place, or the recipe has no choices for the task.
        DataError: When the data cannot be used.
    """
    chosen: Recipe = registry.create("recipe", recipe)
    _check_names(overrides)
    X, request = tabular(X), overrides.get("columns", chosen.columns)
    planned = isinstance(X, Table) or overrides.get("columns") is not None
    columns = ColumnPlan.learn(X, request) if planned and request is not None else None
    X, y = complete_rows(columns, X, y)
    check_task_name(overrides.get("task"))
    loss = None if overrides.get("loss") is None else registry.create("loss", overrides["loss"])
    task = overrides.get("task") or decided_task(y, loss)
    if task is None or task not in chosen.tasks:
        raise SpecError(
            f"the recipe {recipe!r} has no choices for the task {task!r}; it has them for {', '.join(chosen.tasks)}"
        )
    description = DataDescription() if columns is None else DataDescription(columns=columns, features=columns.outputs)
    x = as_inputs(X, dtype=choose_dtype(X, description), columns=None, description=description)
    table = TableDescription(
        rows=len(x),
        numbers=x.shape[1] if columns is None else columns.numbers,
        indicators=0 if columns is None else x.shape[1] - columns.numbers - len(columns.embedded),
        categories=() if columns is None else tuple(size for _, size, _ in columns.embedded),
        task=task,
        outputs=target_columns(y, task),
        offset=_offset(x[:, : x.shape[1] if columns is None else columns.numbers]),
    )
    choices = _overridden(chosen.choose(table), overrides)
    network = {**choices.network, "task": task, "seed": as_seed(overrides.get("seed"))}
    network["columns"] = None if columns is None else request
    network["hidden"] = [*choices.preparation, *choices.network["hidden"]]
    composition = routed(decided(Composition.of(**network), y), columns)
    composition = attrs.evolve(composition, inputs=x.shape[1])
    model = composition.model(x.shape[1])
    model = described(attrs.evolve(model, description=description), X, labels_of(y, task))
    return RecipePlan(
        recipe=chosen,
        table=table,
        choices=choices,
        overridden=frozenset(overrides),
        composition=composition,
        model=model,
        make=make,
    )


def labels_of(y: DataLike, task: str | None) -> DataLike:
    """Targets in a form whose rows have the classes of all rows, where they are single labels; else as they are."""
    shape = tuple(getattr(y, "shape", ())) or np.shape(y)
    if task not in {"binary", "multiclass"} or (len(shape) > 1 and shape[1] != 1):
        return y
    column = column_of(y, "y")
    if isinstance(column, Labels):
        return column
    integral = column.dtype.kind != "f" or np.array_equal(column, np.floor(column))
    return Labels.of(column, "y") if integral else y


def _check_names(overrides: Mapping[str, Any]) -> None:
    known = NETWORK | TRAINING | OWN
    for name in overrides:
        if name not in known:
            hint = did_you_mean(name, sorted(known), start=" ")
            raise SpecError(
                f"a recipe has no choice {name!r};{hint} it has those of Network(hidden=...), of fit, and "
                f"{', '.join(sorted(OWN))}"
            )


def _overridden(choices: Choices, overrides: Mapping[str, Any]) -> Choices:
    """The choices with some replaced."""
    network = {**choices.network, **{name: overrides[name] for name in overrides if name in NETWORK - {"columns"}}}
    training = {**choices.training, **{name: overrides[name] for name in overrides if name in TRAINING}}
    own = {name: value for name, value in overrides.items() if name in OWN}
    changed = attrs.evolve(choices, network=network, training=training, **own)
    if changed.folds and changed.training.get("validation_split"):
        raise DataError(
            "validation_split needs folds=0: with folds every member is validated on the rows it leaves out"
        )
    return changed


def _offset(x: Array) -> float:
    """The largest ``|median|`` of a column, in units of the distance of its quartiles, or of its range."""
    if not x.size:
        return 0.0
    low, middle, high = np.quantile(x.astype(np.float64), (0.25, 0.5, 0.75), axis=0)
    spread = np.where(high > low, high - low, x.max(axis=0) - x.min(axis=0))
    return float(np.divide(np.abs(middle), spread, out=np.zeros_like(middle), where=spread > 0.0).max())


def _shown(value: Any) -> str:
    """A choice as text; a spec by its call."""
    if isinstance(value, Mapping) and "name" in value:
        inner = ", ".join(f"{name}={_shown(one)}" for name, one in value.items() if name != "name")
        return f"{value['name']}({inner})" if inner else str(value["name"])
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)
