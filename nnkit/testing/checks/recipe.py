"""Checks of recipes."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Choices, Example, TableDescription
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_equal, fail, require, show
from nnkit.testing.record import Subject, check
from nnkit.testing.reference_values import examples_with, needs_reference_values, require_comparison
from nnkit.testing.saving import plain

ROWS, COLUMNS = 60, 3
SHORT: dict[str, Any] = {"epochs": 2, "members": 2, "seed": 0}
"""A training that shows whether the choices work, not how good they are."""


def tables(recipe: Any) -> Iterator[TableDescription]:
    """Small and large tables of every task that the recipe has choices for."""
    for task in recipe.tasks:
        outputs = {"multiclass": 3, "multilabel": 3, "binary": 2}.get(task, 1)
        for rows in (20, 400, 5_000, 200_000):
            for shape in ({"numbers": 8}, {"indicators": 5}, {"numbers": 3, "indicators": 7, "categories": (60, 900)}):
                yield TableDescription(rows=rows, task=task, outputs=outputs, **shape)
        yield TableDescription(rows=1_000, numbers=2, task=task, outputs=outputs, offset=1e7)


def data(task: str) -> tuple[Array, Array]:
    """A small table for a task: inputs ``(60, 3)``, and targets or labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS)) * (1.0, 100.0, 0.01) + (0.0, 50.0, 0.0)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    signal = standard[:, 0] * standard[:, 1] + standard[:, 2]
    if task == "multilabel":
        return x, np.stack([signal > level for level in (-1.0, 0.0, 1.0)], axis=1)
    if task in {"binary", "multiclass"}:
        levels = (0.0,) if task == "binary" else (-0.7, 0.7)
        return x, np.array(["low", "middle", "high"])[np.digitize(signal, levels)]
    return x, 200.0 + 10.0 * signal


def calls(subject: Subject) -> list[Call]:
    """The choices for some tables."""

    def run(part: Any, arguments: Mapping[str, Array]) -> Any:
        described = [
            TableDescription(rows=rows, numbers=4, task=task, outputs=1 if task == "regression" else 2)
            for task in part.tasks
            for rows in arguments["rows"].tolist()
        ]
        return [attrs.asdict(part.choose(table)) for table in described]

    return [Call("choose(table)", run, {"rows": np.array([30, 400, 30_000])}, floats=False)]


@check("REC-001/plain-choices", scope="variant")
def plain_choices(subject: Subject, recipe: Any) -> None:
    """Choices are shown, stored and overridden; an object in them can be neither written down nor compared.

    Name parts by text or mappings with "name", and use numbers, texts, flags and lists of these.
    """
    for table in tables(recipe):
        choices = recipe.choose(table)
        show(table=table)
        require(
            isinstance(choices, Choices), "choose returns no Choices", got=choices, expected="nnkit.interfaces.Choices"
        )
        written = attrs.asdict(choices)
        try:
            again = json.loads(json.dumps(written, allow_nan=False))
        except (TypeError, ValueError) as error:
            fail(f"the choices cannot be written as JSON: {error}", got=written)
        expect_equal("the choices read back from JSON are others", attrs.asdict(Choices(**again)), written)


@check("REC-002/pure", scope="variant")
def pure(subject: Subject) -> None:
    """Equal tables must give equal choices, or a result cannot be repeated.

    Compute the choices from the table alone; draw no random numbers and store nothing.
    """
    recipe = subject.make()
    described = list(tables(recipe))
    first = [attrs.asdict(recipe.choose(table)) for table in described]
    fresh: Any = subject.make()
    again = [attrs.asdict(fresh.choose(table)) for table in reversed(described)][::-1]
    for table, got, expected in zip(described, again, first, strict=True):
        expect_equal("the same table gets other choices", got, expected, inputs={"table": table})


@check("REC-003/composes", scope="variant")
def composes(subject: Subject, recipe: Any) -> None:
    """A recipe that is right for the author's table may not even compose for another task.

    Look at the loss, the output activation and the target scaling for the task that is named.
    """
    from nnkit import Network

    for task in recipe.tasks:
        x, y = data(task)
        plan = Network.recipe(recipe, x, y, task=task, seed=0)
        network = plan.networks()[0]
        show(task=task)
        require(network.task == task, "the network has another task", got=network.task, expected=task)
        config = json.loads(json.dumps(network.to_config()))
        again = Network.from_config(config)
        expect_equal("the network of its config is another one", again.to_config(), network.to_config())


@check("REC-004/trains", scope="part")
def trains(subject: Subject, recipe: Any) -> None:
    """What composes need not train: a callback without its value, a solver without its squares, targets out of range.

    Train on the data of nnkit.testing.checks.recipe.data(task), and read the error.
    """
    from nnkit import fit_recipe

    for task in recipe.tasks:
        x, y = data(task)
        models = []
        for _ in range(2):
            with quiet():
                models.append(fit_recipe(recipe, x, y, task=task, **SHORT))
        with quiet():
            first, second = (model.predict(x) for model in models)
        show(task=task)
        require(bool(np.isfinite(first).all()), "the predictions are not finite", got=first)
        expect_equal("the same seed gives another model", second, first)
        if task in {"binary", "multiclass"}:
            with quiet():
                labels = set(models[0].predict(x, labels=True).tolist())
            require(
                labels <= set(y.tolist()), "the labels are not those of the data", got=labels, expected=set(y.tolist())
            )


@check("REC-005/cost", scope="variant")
def cost(subject: Subject, recipe: Any) -> None:
    """People ask what a recipe costs before they start it; a wrong answer is worse than none.

    Return an upper bound of the multiplications and additions of all members; one pass over the rows needs two for
    each weight.
    """
    for table in tables(recipe):
        choices = recipe.choose(table)
        operations = recipe.operations(table, choices)
        show(table=table)
        number = isinstance(operations, (int, float)) and not isinstance(operations, bool)
        require(number and math.isfinite(operations), "the cost is no finite number", got=operations)
        widths = [table.inputs, *(width for width in choices.network["hidden"] if isinstance(width, int))]
        least = 2.0 * table.rows * choices.members * sum(a * b for a, b in itertools.pairwise(widths))
        require(
            operations >= least, "the cost is below that of one epoch", got=operations, expected=f"at least {least}"
        )
        doubled = recipe.operations(table, attrs.evolve(choices, members=2 * choices.members))
        require(doubled > operations, "twice the members cost no more", got=doubled, expected=f"above {operations}")
        larger = attrs.evolve(table, rows=2 * table.rows)
        more = recipe.operations(larger, choices)
        require(more > operations, "twice the rows cost no more", got=more, expected=f"above {operations}")


@check("REC-006/reasons", level="strict", scope="variant")
def reasons(subject: Subject, recipe: Any) -> None:
    """A choice without a reason cannot be judged; a reason for what was not chosen misleads.

    State in `reasons` why, by the names of the arguments and fields that were chosen.
    """
    own = {field.name for field in attrs.fields(Choices)} - {"network", "training", "reasons"}
    for table in tables(recipe):
        choices = recipe.choose(table)
        show(table=table)
        known = own | set(choices.network) | set(choices.training)
        strange = sorted(set(choices.reasons) - known)
        require(not strange, f"there are reasons for {strange}, which were not chosen", expected=sorted(known))
        require(bool(choices.reasons), "no choice has a reason")
        empty = sorted(name for name, why in choices.reasons.items() if not isinstance(why, str) or not why.strip())
        require(not empty, f"the reasons of {empty} are empty", got=dict(choices.reasons))


def _reference_tables(subject: Subject) -> Iterator[tuple[dict[str, Any], TableDescription]]:
    """Those of ``tables``, and rows of many sizes, so that a size at which choices change is between two of them."""
    recipe = subject.make()
    sizes = (1, 10, 99, 100, 101, 300, 499, 500, 501, 999, 1000, 1001, 2999, 3000, 3001, 9_999, 10_000, 10_001)
    outputs = 2 if recipe.tasks[0] in {"binary", "multiclass", "multilabel"} else 1
    further = (TableDescription(rows=rows, numbers=5, task=recipe.tasks[0], outputs=outputs) for rows in sizes)
    for table in (*tables(recipe), *further):
        yield {name: value for name, value in attrs.asdict(table).items() if value or name == "rows"}, table


@check("REC-REF/recorded-choices", needs=needs_reference_values, scope="variant", on=examples_with(_reference_tables))
def recorded_choices(subject: Subject, example: Example) -> None:
    """A sound recipe may still choose something else, or change at another size, than its source says.

    Compare with the source at the table that is shown; sizes at which a choice changes are off by one easily. An
    example expects every field of the choices but the reasons, and may expect the operations.
    """
    require_comparison(example)
    fields, expected = example.hyperparameters, example.expected
    show(example.inputs, {"hyperparameters": dict(fields)} if fields else {})
    names = [field.name for field in attrs.fields(Choices) if field.name != "reasons"]
    complete = isinstance(expected, Mapping) and set(expected) - {"operations"} == set(names)
    require(complete, "an example does not expect all fields of the choices", got=expected, expected=names)
    recipe, table = subject.cls(**fields), TableDescription(**example.inputs)
    choices = attrs.asdict(recipe.choose(table))
    choices["operations"] = recipe.operations(table, recipe.choose(table))
    for name in expected:
        message = f"{name!r} differs from the value of {example.source}"
        expect_equal(message, plain(choices[name]), plain(expected[name]))
