"""Data in shards: looked at, converted and checked where they stand, as arrays are in one process."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.model import Model
from nnkit.core.sharded import ShardedData, results
from nnkit.data.arrays import DataLike, as_array, as_inputs, as_matrix, check_finite
from nnkit.data.frames import NamedColumns, column_names
from nnkit.data.indices import checked_indices
from nnkit.data.labels import Labels, column_of
from nnkit.data.planning import checksum
from nnkit.data.scaling import TargetScaling, in_scale, with_scaling_of
from nnkit.data.targets import as_data
from nnkit.data.weights import ClassWeight, check_weighable, class_weights, unit_of
from nnkit.errors import DataError, brief
from nnkit.interfaces import DataDescription, Shards, TrainingData

__all__ = ["checked_shards", "inputs_of", "look_at", "prepared_shards"]

SAMPLE = 64
"""Rows of each shard by which inputs and targets are judged, at the most."""


@attrs.frozen
class Look:
    """Some rows of a shard that has rows.

    Args:
        X: Inputs, as they are stored.
        y: All labels where it is one column of them, otherwise some targets.
        parts: 2, or 3 with weights.
    """

    X: NamedColumns | Array
    y: Any
    parts: int


def look_at(shards: Shards, description: DataDescription) -> tuple[DataLike, DataLike]:
    """Inputs and targets that show what the data are like: some rows of each shard, and every label.

    Raises:
        DataError: When there are no rows, or the shards are not of one form.
    """
    looks = list(enumerate(results(shards, _look, description)))
    with_rows = [(number, look) for number, look in looks if look is not None]
    if not with_rows:
        raise DataError(f"all {len(shards)} shards are empty; expected at least one sample")
    first_number, first = with_rows[0]
    for number, look in with_rows:
        for what, own, others in (
            ("columns", look.X.shape[1], first.X.shape[1]),
            ("target columns", _width(look.y), _width(first.y)),
            ("names of columns", column_names(look.X, "X"), column_names(first.X, "X")),
            ("parts", look.parts, first.parts),
        ):
            if own != others:
                raise DataError(f"shard {number} has {what} {brief(own)}, and shard {first_number} {brief(others)}")
    inputs = [look.X for _, look in with_rows]
    targets = [look.y for _, look in with_rows]
    return _joined(inputs), _joined_labels(targets) if isinstance(first.y, Labels) else _joined(targets)


def _look(shard: Any, description: DataDescription) -> Look | None:
    X, y, weight = parts_of(shard)
    if not _rows(X):
        return None
    names = description.features or column_names(X, "X")
    matrix = as_matrix(X, "X", None, description)[0][:SAMPLE]
    check_finite(matrix, "X", columns=names)
    return Look(
        X=matrix if names is None else NamedColumns(matrix, names),
        y=_some_targets(y),
        parts=2 if weight is None else 3,
    )


def parts_of(shard: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights of a shard as it is stored.

    Raises:
        DataError: When it is something else.
    """
    parts = tuple(shard) if isinstance(shard, (tuple, list)) else ()
    if len(parts) not in {2, 3}:
        raise DataError(f"it is {brief(shard)}; expected (X, y) or (X, y, sample_weight)")
    if parts[1] is None:
        raise DataError("it comes without targets; expected (X, y) or (X, y, sample_weight)")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else None


def _some_targets(y: Any) -> Any:
    """The labels of a column of labels or integers; otherwise the first targets."""
    shape = tuple(getattr(y, "shape", ())) or np.shape(y)
    if len(shape) == 2 and shape[1] > 1:
        names, values = column_names(y, "y"), as_array(y, "y")[:SAMPLE]
        return values if names is None else NamedColumns(values, names)
    column = column_of(y, "y")
    if isinstance(column, Labels):
        return Labels(column.distinct, np.arange(len(column.distinct)))
    if column.dtype.kind != "f":
        return np.unique(column)
    fractions = column != np.floor(column)
    # Numbers with a fraction are no labels; integers may be.
    return column[np.flatnonzero(fractions)[:SAMPLE]] if fractions.any() else np.unique(column)


def _joined(parts: list[Any]) -> Any:
    names = getattr(parts[0], "columns", None)
    values = np.concatenate([part if names is None else part.values for part in parts])
    return values if names is None else NamedColumns(values, names)


def _joined_labels(parts: list[Any]) -> Any:
    """The labels of all shards; declared categories keep their order."""
    if any(not isinstance(part, Labels) or part.distinct != parts[0].distinct for part in parts):
        labels = [part.distinct if isinstance(part, Labels) else part.tolist() for part in parts]
        return np.array([label for some in labels for label in some], dtype=object)
    return parts[0]


def prepared_shards(
    shards: Shards, model: Model, dtype: FloatDType, scaling: TargetScaling | None, class_weight: ClassWeight | None
) -> tuple[Model, ShardedData, TrainingData]:
    """Training data in shards with weights and the scale of targets decided by all of them, and some of their rows.

    Args:
        shards: The data as they are stored.
        model: The structure, with names and labels.
        dtype: Of training.
        scaling: How targets are scaled.
        class_weight: As passed to ``fit``.

    Raises:
        DataError: For the first shard that cannot be used.
    """
    in_units = scaling is not None and model.description.shift is None
    data = shards.map(_converted, model, dtype, not in_units)
    weights = list(results(data, _weights, model, class_weight is not None))
    total = sum(rows for rows, *_ in weights)
    unit = unit_of(max(largest for _, largest, _ in weights), total)
    if unit != 1.0:
        data = data.map(_reweighed, model, unit, None)
    if in_units:
        model = with_scaling_of(model, scaling, lambda function, *arguments: results(data, function, *arguments))
        data = data.map(_scaled, model, dtype)
    if class_weight is not None:
        counts = np.sum([each for *_, each in weights], axis=0) / unit
        each = class_weights(class_weight, model, np.arange(len(counts)), counts)
        data = data.map(_reweighed, model, 1.0, each)
    return model, *_measured(data)


def checked_shards(shards: Shards, model: Model, dtype: FloatDType) -> ShardedData:
    """Data in shards to evaluate.

    Raises:
        DataError: For the first shard that cannot be used, or when none has rows.
    """
    return _measured(shards.map(_converted, model, dtype, True))[0]


def inputs_of(shard: Any, model: Model, dtype: FloatDType) -> Array:
    """The inputs of a shard, which may have no rows."""
    X = shard[0] if isinstance(shard, (tuple, list)) and len(shard) in {1, 2, 3} else shard
    if not _rows(X):
        return np.empty((0, model.inputs), dtype=dtype)
    x = as_inputs(X, dtype=dtype, columns=model.inputs, description=model.description)
    checked_indices(model, x)
    return x


def _measured(data: Shards) -> tuple[ShardedData, TrainingData]:
    measures = list(results(data, _measure))
    samples = sum(measure.rows for measure in measures)
    if not samples:
        raise DataError(f"all {len(data)} shards are empty; expected at least one sample")
    weight = float(sum(measure.weight for measure in measures))
    if not weight > 0.0:
        raise DataError(f"the weights of all {len(data)} shards are zeros; expected at least one weight above 0")
    digest = hashlib.sha256("".join(measure.checksum for measure in measures).encode()).hexdigest()
    some = [measure.some for measure in measures if measure.rows]
    weights = [part[2] for part in some if part[2] is not None]
    sample = (
        np.concatenate([part[0][:] for part in some]),
        np.concatenate([part[1] for part in some]),
        np.concatenate(weights) if weights else None,
    )
    return ShardedData(shards=data, samples=samples, weight=weight, checksum=digest), sample


@attrs.frozen
class Measure:
    """What all data must be known by.

    Args:
        rows: Rows of the shard.
        weight: The sum of their weights.
        checksum: Of the shard.
        some: Some rows, evenly spread; one with the largest weight among them.
    """

    rows: int
    weight: float
    checksum: str
    some: TrainingData


def _measure(data: TrainingData) -> Measure:
    x, target, weight = data
    few = np.arange(0, len(x), max(1, len(x) // SAMPLE))
    if weight is not None and len(x):
        few = np.union1d(few, int(weight.argmax()))
    return Measure(
        rows=len(x),
        weight=float(len(x) if weight is None else weight.sum()),
        checksum=checksum(data),
        some=(x[few], target[few], None if weight is None else weight[few]),
    )


def _converted(shard: Any, model: Model, dtype: FloatDType, scaled: bool) -> TrainingData:
    X, y, weight = parts_of(shard)
    if not _rows(X) and not _rows(y):
        X, y = np.empty((0, model.inputs)), np.empty((0, model.target_columns))
    x = inputs_of((X,), model, dtype)
    return as_data(model, x, y, weight, shard=True, scaled=scaled)


def _weights(data: TrainingData, model: Model, classes: bool) -> tuple[int, float, Array]:
    """Rows, the largest weight, and where it is asked for the weight of each class."""
    x, target, weight = data
    largest = 1.0 if weight is None else float(weight.max(initial=0.0))
    if not classes:
        return len(x), largest, np.empty(0)
    check_weighable(model, target)
    codes = model.task.target(target)
    names = model.description.classes or range(model.task.classes)
    return len(x), largest, np.bincount(codes, weights=weight, minlength=len(names)).astype(np.float64)


def _reweighed(data: TrainingData, model: Model, unit: float, each: Array | None) -> TrainingData:
    x, target, weight = data
    weight = None if weight is None else weight / unit
    if each is not None:
        own: Array = each[model.task.target(target)]
        weight = own if weight is None else own * weight
    return x, target, weight


def _scaled(data: TrainingData, model: Model, dtype: FloatDType) -> TrainingData:
    return in_scale(model, data, dtype)


def _rows(values: Any) -> int:
    shape = tuple(getattr(values, "shape", ())) or np.shape(values)
    return int(shape[0]) if shape else 0


def _width(y: Any) -> int:
    return int(y.shape[1]) if len(y.shape) > 1 else 1
