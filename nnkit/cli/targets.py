"""Targets: from what is written in a file to what the network is passed: numbers, or labels as they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.cli.tables import Content
from nnkit.cli.text_layout import number_of
from nnkit.data.arrays import check_finite
from nnkit.data.column_values import BOOLEANS, as_words, is_missing
from nnkit.data.frames import NamedColumns
from nnkit.data.labels import Labels
from nnkit.data.table import Table, Words
from nnkit.errors import DataError
from nnkit.network.network import Network

__all__ = [
    "TargetLike",
    "class_codes",
    "codes_of",
    "has_target",
    "labelled",
    "numeric_targets",
    "targets_of",
    "without_missing_targets",
]

INTEGER = re.compile(r"0|-?[1-9]\d*", re.ASCII)
BOUNDS = {"nonnegative": (0.0, np.inf), "unit": (0.0, 1.0)}
"""The targets that a loss accepts, by its domain."""

TargetLike = Array | Labels | NamedColumns


def numeric_targets(network: Network) -> bool | None:
    """Whether the network learns numbers, not classes; ``None`` where that follows from the targets."""
    composition = network.composition
    if composition.task is not None:
        return composition.task == "regression"
    if "loss" in composition.deferred:
        return None
    return composition.loss.target_domain not in {"simplex", "index", "unit", "sign"}


def has_target(content: Content) -> Array:
    """The rows that have a value in every target column, ``(N,)``."""
    if not isinstance(content.y, Table):
        return np.ones(len(content), dtype=bool)
    rows: Array = np.logical_and.reduce([~is_missing(content.y[name]) for name in content.y.columns])
    return rows


def without_missing_targets(content: Content) -> Content:
    """The rows that have a target."""
    rows = has_target(content)
    if rows.all() or not isinstance(content.X, Table) or not isinstance(content.y, Table):
        return content
    return attrs.evolve(content, X=content.X.rows(rows), y=content.y.rows(rows))


def targets_of(content: Content, network: Network) -> TargetLike:
    """The targets of a file as the network is passed them.

    Integers as they are written are integer labels (``007`` and ``1_0`` are texts), True and False booleans, everything
    else texts. Several columns are numbers.

    Raises:
        DataError: When a target is missing, or is a text where numbers are needed.
    """
    numeric, y, source = numeric_targets(network), content.y, content.source
    if not isinstance(y, Table):
        assert y is not None  # a caller has read the targets
        return _of_array(y, network, source)
    missing = np.flatnonzero(~has_target(content))
    if len(missing):
        row = int(missing[0])
        name = next(name for name in y.columns if is_missing(y[name])[row])
        raise DataError(
            f"{source}: the target {name!r} has no value in {y.place(row)}, {len(missing)} such rows; drop these rows,"
            ' or state missing_target = "drop" in [data]'
        )
    if content.single:
        return _of_column(y, y.columns[0], numeric, network, content.decimal)
    columns = [_numbers(y, name, content.decimal, network if numeric else None) for name in y.columns]
    return NamedColumns(np.column_stack(columns), y.columns)


def class_codes(y: TargetLike, network: Network) -> IntArray | None:
    """The class of each row by which parts are stratified, ``(N,)``; ``None`` where targets are no classes."""
    if isinstance(y, Labels):
        return y.codes
    values = y.values if isinstance(y, NamedColumns) else y
    composition = network.composition
    if numeric_targets(network) or composition.task == "multilabel":
        return None
    if values.ndim == 2 and values.shape[1] > 1:
        one_hot = "loss" not in composition.deferred and composition.loss.target_domain in {"simplex", "index"}
        return np.asarray(values.argmax(axis=1)) if one_hot or composition.task == "multiclass" else None
    if values.dtype.kind == "f" and not np.array_equal(values, np.floor(values)):
        return None  # probabilities
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def labelled(class_weight: Any, y: TargetLike) -> Any:
    """Class weights of an experiment by label: TOML has only texts as keys."""
    if not isinstance(class_weight, Mapping):
        return class_weight
    values = np.unique(y).tolist() if isinstance(y, np.ndarray) else getattr(y, "distinct", ())
    labels = {str(label): label for label in values}
    return {labels.get(key, key): weight for key, weight in class_weight.items()}


def codes_of(y: TargetLike, network: Network) -> IntArray:
    """The place of each row's class among those of the network, ``(N,)``."""
    values = y.values if isinstance(y, NamedColumns) else y
    if not isinstance(values, Labels) and values.ndim == 2 and values.shape[1] > 1:
        return np.asarray(values.argmax(axis=1))
    labels = values if isinstance(values, Labels) else Labels.of(values.reshape(-1), "the target")
    return labels.codes if network.classes is None else labels.among(network.classes, "the target")


def _of_array(y: Array, network: Network, source: str) -> TargetLike:
    if y.dtype.kind not in "biufU":
        raise DataError(f"{source}: the targets have dtype {y.dtype}; expected numbers or names of classes")
    if numeric_targets(network) and y.dtype.kind == "U":
        raise _no_numbers(f"{source}: the target has the text {str(y.reshape(-1)[0])!r}", network)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind == "f" and ("loss" in network.composition.deferred or not network.loss.missing_targets):
        check_finite(y, f"{source}: y")
    if numeric_targets(network) or y.ndim != 1 or y.dtype.kind == "f":
        return y
    return _counted(Labels.of(y, source), network)


def _of_column(table: Table, name: str, numeric: bool | None, network: Network, decimal: str) -> TargetLike:
    if numeric:
        return _numbers(table, name, decimal, network)
    words = as_words(table[name])
    used = words.used()
    integers = all(map(INTEGER.fullmatch, used))
    if not integers and all(number_of(word, decimal) is not None for word in used):
        soft = numeric is not None and network.loss.target_domain == "unit" and len(used) > 2
        if soft or numeric is None:
            return _numbers(table, name, decimal, network)
    values: list[str | bool | int] = list(used)
    if integers:
        values = list(map(int, used))
        if numeric is None:
            raise DataError(
                f"{table.source}: the target {name!r} holds integers, which may be numbers or classes: state which in"
                ' [network], task = "regression", "binary" or "multiclass"'
            )
    elif set(used) <= {"True", "False"}:
        values = [word == "True" for word in used]
    order = sorted(range(len(used)), key=values.__getitem__)
    ranks = {used[place]: rank for rank, place in enumerate(order)}
    codes = words.taken(np.array([ranks.get(word, -1) for word in words.words], dtype=np.intp), -1)
    return _counted(Labels(tuple(values[place] for place in order), codes), network)


def _counted(labels: Labels, network: Network) -> TargetLike:
    """Integer labels as an array where the network has a number of classes, of which some may not occur."""
    integers = np.array(labels.distinct)
    if network.composition.deferred or integers.dtype.kind not in "iu":
        return labels
    return np.asarray(integers[labels.codes])


def _numbers(table: Table, name: str, decimal: str, network: Network | None = None) -> Array:
    """The numbers of a column; True and False are 1 and 0."""
    column, where = table[name], f"{table.source}: the target {name!r}"
    if isinstance(column, Words):
        numbers = []
        for code, word in enumerate(column.words):
            number = BOOLEANS.get(word.lower(), number_of(word, decimal))
            if number is None:
                row = int(np.flatnonzero(column.codes == code)[0])
                raise _no_numbers(f"{where} has the text {word!r} in {table.place(row)}", network)
            numbers.append(number)
        column = column.taken(np.array(numbers), np.nan)
    infinite = np.flatnonzero(np.isinf(column))
    if len(infinite):
        row = int(infinite[0])
        raise DataError(f"{where} is {column[row]} in {table.place(row)}; expected finite numbers")
    if network is not None and "loss" not in network.composition.deferred:
        low, high = BOUNDS.get(network.loss.target_domain, (-np.inf, np.inf))
        outside = np.flatnonzero((column < low) | (column > high))
        if len(outside):
            row, of = int(outside[0]), f"of {low:g} and above" if high == np.inf else f"between {low:g} and {high:g}"
            raise DataError(
                f"{where} is {column[row]:g} in {table.place(row)}; {type(network.loss).__name__} expects targets {of}"
            )
    return column


def _no_numbers(problem: str, network: Network | None) -> DataError:
    expected = "; expected numbers" if network is None else f", but {type(network.loss).__name__} expects numbers"
    return DataError(
        f"{problem}{expected}. For classes use a loss such as"
        ' categorical_crossentropy, or hidden with task = "multiclass"'
    )
