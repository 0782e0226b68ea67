"""From the sections of an experiment to samples and a network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.cli.data_files import STANDARD_INPUT, DataFile, data_file
from nnkit.cli.experiment import DataSection, Experiment
from nnkit.cli.sections import ExperimentError
from nnkit.cli.tables import Content, read_table
from nnkit.cli.targets import TargetLike, class_codes, numeric_targets, targets_of, without_missing_targets
from nnkit.data.arrays import check_finite
from nnkit.data.column_request import checked_request
from nnkit.data.column_rules import Categorical, Number
from nnkit.data.columns import ColumnPlan
from nnkit.data.frames import NamedColumns
from nnkit.data.labels import Labels
from nnkit.data.table import Table, Words, as_table
from nnkit.errors import DataError, NNKitError, TrainingWarning, warn

if TYPE_CHECKING:
    from nnkit.network.network import Network
    from nnkit.preparing.recipe import RecipePlan

FEW_ROWS = 20
"""Below this number of rows, consecutive numbers may be chance."""

__all__ = [
    "Part",
    "Samples",
    "build_network",
    "by_recipe",
    "learn_plan",
    "load_samples",
    "read_rows",
    "with_target_scaling",
]


@attrs.frozen(kw_only=True, eq=False)
class Part:
    """Some of the rows: those that train, those that validate, or those that test.

    Args:
        name: ``"training"``, ``"validation"`` or ``"test"``.
        X: The rows: an array, or the columns of a table.
        y: Targets: labels, or numbers.
        content: The file that they come from.
        rows: Their places in it.
    """

    name: str
    X: Array | Table
    y: TargetLike
    content: Content
    rows: IntArray

    def __len__(self) -> int:
        return int(self.X.shape[0])


@attrs.frozen(kw_only=True, eq=False)
class Samples:
    """All rows of an experiment.

    Args:
        train: The rows to train with.
        validation: The rows to watch, ``None`` without.
        test: The rows for the values at the end, ``None`` without.
    """

    train: Part
    validation: Part | None
    test: Part | None

    @property
    def judged(self) -> Part:
        """The rows that the final values are about: the least seen there are."""
        return self.test or self.validation or self.train


def read_rows(experiment: Experiment, file: str, network: Network, like: Content | None = None) -> Content:
    """One data file of the experiment; a second file has the columns of the first, by name.

    Raises:
        ExperimentError: When there is no such file beside the experiment's; states where it was looked for.
        DataError: For every fault of the file.
    """
    data = experiment.data
    path = Path(file) if file == STANDARD_INPUT else experiment.beside(file)
    features, reading = data.features, data.reading
    if like is not None and isinstance(like.X, Table):
        features = list(like.X.columns)
    try:
        with data_file(path) as source:
            content = read_table(
                source,
                reading=reading,
                x=data.x,
                y=data.y,
                target=data.target if like is None else like.targets,
                features=features,
                texts=_texts(experiment, source),
                numeric_target=bool(numeric_targets(network)),
                last_is_target=True,
            )
    except FileNotFoundError as error:
        if Path(file).is_absolute():
            raise
        advice = "Paths are relative to the folder of the experiment file, not to the one you are in"
        if Path(file).exists():
            advice += f", where there is one: write {os.path.relpath(file, experiment.path.parent)!r}"
        raise ExperimentError(
            f"{experiment.path}: [data] names {file!r}; {error.filename}: {error.strerror}. {advice}"
        ) from error
    if not isinstance(content.X, Table) and data.columns is not None:
        content = attrs.evolve(content, X=attrs.evolve(as_table(content.X, content.source), source=content.source))
    if like is None:
        _warn_of_index(content, data)
    return without_missing_targets(content) if data.missing_target == "drop" else content


def _warn_of_index(content: Content, data: DataSection) -> None:
    """Warn of a first column that only numbers the rows: a row's place in a file says nothing about new rows."""
    if not isinstance(content.X, Table) or data.features is not None or len(content) < FEW_ROWS:
        return
    name = content.X.columns[0]
    column = content.X[name]
    if isinstance(column, Words) or name in checked_request(data.plan):
        return
    first, last = column[0], column[-1]
    if first in {0, 1} and last == first + len(content) - 1 and np.array_equal(column, np.arange(first, last + 1)):
        warn(
            f"{content.source}: column {name!r} only numbers the rows, from {first:g} to {last:g}, and is used as a"
            f" feature; state index_column = {name!r} in [data], or its rule in columns",
            TrainingWarning,
        )


def _texts(experiment: Experiment, file: DataFile) -> list[str]:
    """The columns that are declared as categories, which are compared as they are written."""
    declared = {} if file.kind == "npz" else checked_request(experiment.data.plan)
    return [name for name, rule in declared.items() if isinstance(rule, Categorical)]


def build_network(experiment: Experiment, **more: Any) -> Network:
    """The network, with the scaling of its inputs as its own first layers; the data decide what is left open.

    Args:
        experiment: The experiment.
        more: Arguments of the network besides those of the experiment.

    Raises:
        NNKitError: When it cannot be composed; names the file.
    """
    from nnkit.network.composition import DEFAULTS
    from nnkit.network.network import Network

    settings: dict[str, Any] = {**experiment.network, **more}
    hidden, layers = settings.pop("hidden", None), settings.pop("layers", None)
    where = f"{experiment.path}: [network]"
    if settings.pop("recipe", None) is not None:
        if layers is not None or experiment.data.divide_by is not None or experiment.data.standardize is not None:
            raise ExperimentError(
                f"{where} recipe chooses the layers and the scaling of the inputs: leave layers, divide_by and "
                "standardize out; hidden replaces its hidden layers"
            )
        hidden = hidden or [1]  # until the rows are read
    if hidden is None and (not isinstance(layers, list) or not layers):
        raise ExperimentError(f"{where} layers is {layers!r}; expected a list, for example [64, 32, 10]")
    inputs = None
    if layers and isinstance(layers[0], int):
        if len(layers) == 1:
            raise ExperimentError(f"{where} layers is {layers}; expected the inputs and at least one layer")
        inputs, *layers = layers
    scaling: list[Any] = []
    if experiment.data.divide_by is not None:
        scaling.append({"name": DEFAULTS["divided_inputs"], "scale": 1.0 / experiment.data.divide_by})
    if _standardizes(experiment):
        scaling.append(DEFAULTS["standardized_inputs"])
    if experiment.data.columns is not None or not experiment.data.file.lower().endswith(".npz"):
        settings["columns"] = experiment.data.plan
    try:
        if hidden is None:
            return Network([inputs, *scaling, *layers], **settings)
        return Network(layers, hidden=[*scaling, *hidden] if isinstance(hidden, list) else hidden, **settings)
    except NNKitError as error:
        error.add_note(f"in [network] of {experiment.path}")
        raise


def _standardizes(experiment: Experiment) -> bool:
    """Whether the features are standardized: as declared, or where the first layer is left to the data too."""
    data, hidden = experiment.data, experiment.network.get("hidden")
    if data.standardize is not None:
        return data.standardize
    return isinstance(hidden, list) and type(next(iter(hidden), None)) is int and data.divide_by is None


def with_target_scaling(experiment: Experiment, network: Network, samples: Samples) -> Network:
    """The network, which standardizes its targets where the loss is left to the data and these are measured numbers.

    Raises:
        DataError: When the targets do not show their task.
    """
    from nnkit.preparing.deciding import decided

    stated = {"loss", "target_scaling", "recipe"} & experiment.network.keys()
    if stated or "loss" not in network.composition.deferred:
        return network
    try:
        loss = decided(network.composition, samples.train.y).loss
    except NNKitError as error:
        error.add_note(f"in [network] of {experiment.path}; y is the target in {samples.train.content.source}")
        raise
    return build_network(experiment, target_scaling="standardize") if loss.offers("unscale") else network


def by_recipe(experiment: Experiment, network: Network, samples: Samples) -> RecipePlan[Network] | None:
    """What the recipe of the experiment chooses for the rows of training; ``None`` without one.

    The rows of ``[data.split] validation`` take the place of those that members leave out.

    Raises:
        ExperimentError: When there are none, and the recipe ends its training by them.
        NNKitError: When the recipe has no choices for the task, or a key has no place.
    """
    from nnkit.interfaces import Solver
    from nnkit.network.network import Network as Made

    settings = dict(experiment.network)
    recipe = settings.pop("recipe", None)
    if recipe is None:
        return None
    columns = network.composition.columns
    settings |= {name: value for name, value in experiment.training.items() if name != "class_weight"}
    settings |= {"members": 1, "folds": 0, "seed": network.seed} | ({} if columns is None else {"columns": columns})
    try:
        plan = Made.recipe(recipe, samples.train.X, samples.train.y, **settings)
    except NNKitError as error:
        error.add_note(f"in [network] of {experiment.path}")
        raise
    if samples.validation is None and not isinstance(plan.composition.optimizer, Solver):
        raise ExperimentError(
            f"{experiment.path}: the recipe {recipe!r} ends the training by rows to validate on: state their share, "
            "[data.split] validation = 0.2"
        )
    return plan


def load_samples(experiment: Experiment, content: Content, network: Network) -> Samples:
    """All rows, divided, with their targets.

    Raises:
        ExperimentError: When the division leaves a part empty.
        DataError: When a file or its targets cannot be used.
    """
    data = experiment.data
    targets = targets_of(content, network)
    try:
        parts = data.split.parts(len(content), class_codes(targets, network), test_elsewhere=data.test_file is not None)
    except ExperimentError as error:
        raise ExperimentError(f"{experiment.path}: [data.split]: {error}") from error

    def rows(name: str, chosen: Any, file: str | None) -> Part | None:
        if file is not None:
            other = read_rows(experiment, file, network, like=content)
            own = targets_of(other, network)
            if isinstance(own, Labels) and isinstance(targets, Labels):
                own.among(targets.distinct, f"{other.source}: the target", f"{content.source} has")
            return _part(name, other, own, np.arange(len(other)))
        return _part(name, content, targets, chosen) if len(chosen) else None

    train = rows("training", parts.train, None)
    assert train is not None  # a split refuses to leave it empty
    return Samples(
        train=train,
        validation=rows("validation", parts.validation, data.validation_file),
        test=rows("test", parts.test, data.test_file),
    )


def _part(name: str, content: Content, targets: TargetLike, rows: IntArray) -> Part:
    X = content.X.rows(rows) if isinstance(content.X, Table) else content.X[rows]
    some: TargetLike = targets.rows(rows) if isinstance(targets, NamedColumns) else targets[rows]
    return Part(name=name, X=X, y=some, content=content, rows=rows)


def learn_plan(experiment: Experiment, samples: Samples, network: Network) -> ColumnPlan | None:
    """The column plan that the training will learn, to be shown before; ``None`` for arrays.

    All values of the files are checked by it, so that a fault is found before the training, with its row in the file.

    Raises:
        ExperimentError: When the network begins with another number of inputs.
        DataError: When a column has no rule; states what to do.
    """
    X, plan = samples.train.X, network.columns
    request = network.composition.columns
    if isinstance(X, Table) and request is not None and not isinstance(plan, ColumnPlan):
        source = samples.train.content.source
        plan = ColumnPlan.learn(
            samples.train.content.X, request, name=source, rows=samples.train.rows, example=_written_rules
        )
    if not isinstance(plan, ColumnPlan):
        plan = None
    if plan is not None:
        parts = [part for part in (samples.train, samples.validation, samples.test) if part is not None]
        for content in {id(part.content): part.content for part in parts}.values():
            plan.check(content.X)
            if isinstance(content.X, Table) and network.composition.dtype == np.float32:
                _check_float32(plan, content.X)
    elif not isinstance(X, Table):
        _check_arrays(samples)
    columns = X.shape[1] if plan is None else len(plan.outputs)
    if network.inputs not in {None, columns}:
        features = f"{columns} features" if plan is None else f"{columns} inputs from {len(plan.columns)} columns"
        raise ExperimentError(
            f"{experiment.path}: [network] layers begins with {network.inputs} inputs; the data have {features}."
            " hidden = [...] instead of layers needs no number of inputs"
        )
    return plan


def _check_arrays(samples: Samples) -> None:
    """Refuse numbers that are not finite.

    Raises:
        DataError: Names the first, by its place in the file.
    """
    parts = [part for part in (samples.train, samples.validation, samples.test) if part is not None]
    for content in {id(part.content): part.content for part in parts}.values():
        try:
            check_finite(np.asarray(content.X), f"{content.source}: X")
        except DataError as error:
            error.add_note('or state columns = "auto" in [data], which replaces missing values')
            raise


def _check_float32(plan: ColumnPlan, table: Table) -> None:
    """Refuse numbers beyond float32.

    Raises:
        DataError: Names the first row.
    """
    largest = float(np.finfo(np.float32).max)
    for name, rule in plan.rules:
        if isinstance(rule, Number):
            beyond = np.flatnonzero(np.abs(rule.numbers(table[name], name)) > largest)
            if len(beyond):
                raise DataError(
                    f"{table.source}: column {name!r} has a number in {table.place(beyond[0])} that float32 cannot hold"
                    f' (at most {largest:.3g}): scale the column, or leave dtype = "float32" out of [network]'
                )


def _written_rules(rules: Mapping[str, str]) -> str:
    """Declared rules as they are written in ``[data]``."""
    return f"columns = {{ {', '.join(f'{_text(name)} = {_text(rule)}' for name, rule in rules.items())} }}"


def _text(word: str) -> str:
    """A string of TOML, which is one of JSON."""
    return json.dumps(word, ensure_ascii=False)
