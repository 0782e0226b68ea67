"""Class labels as a user writes them, and the codes that stand for them in training."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike, as_array, check_finite
from nnkit.data.frames import is_column, is_frame, only_column, refuse_foreign
from nnkit.data.table import row_name
from nnkit.errors import DataError
from nnkit.interfaces import Label, Task
from nnkit.interfaces.description import listed
from nnkit.interfaces.task import CLASSIFICATION

__all__ = ["Labels", "column_of", "encoded", "is_single_class", "learned_classes", "predicted_labels"]

EXPECTED = "expected class labels: str, bool or int"


@attrs.frozen(eq=False)
class Labels:
    """One label a sample.

    Args:
        distinct: The different labels, sorted; or declared categories, in their order.
        codes: The place of each sample's label in ``distinct``, ``(N,)``.

    Example:
        >>> labels = Labels.of(np.array(["no", "yes", "no"]), "y")
        >>> labels.distinct, labels.codes
        (('no', 'yes'), array([0, 1, 0]))
    """

    distinct: tuple[Label, ...]
    codes: IntArray

    @property
    def shape(self) -> tuple[int, ...]:
        """``(N,)``."""
        return self.codes.shape

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Labels:
        return Labels(self.distinct, self.codes[rows])

    @classmethod
    def of(cls, values: Array, name: str) -> Labels:
        """The labels in an array ``(N,)`` of numbers, texts or objects.

        Raises:
            DataError: For missing labels, labels of several types, or of a type that labels cannot have.
        """
        if values.dtype.kind == "O":
            missing = [row for row, item in enumerate(values.tolist()) if _is_missing(item)]
            _refuse_missing(missing, name)
            _refuse_several_types(values.tolist(), name)
        elif values.dtype.kind == "f":
            _refuse_missing(np.flatnonzero(np.isnan(values)).tolist(), name)
        try:
            distinct, codes = np.unique(values, return_inverse=True)
        except TypeError as error:
            raise DataError(f"{name} has labels that cannot be compared ({error}); {EXPECTED}") from error
        return cls(tuple(_label(value, name) for value in distinct.tolist()), codes.reshape(-1))

    def used(self) -> Labels:
        """Without categories that no sample has."""
        present, codes = np.unique(self.codes, return_inverse=True)
        return Labels(tuple(self.distinct[place] for place in present.tolist()), codes.reshape(-1))

    def among(self, classes: tuple[Label, ...], name: str, owner: str = "the classes of this network are") -> IntArray:
        """The place of each label in ``classes``, ``(N,)``.

        Raises:
            DataError: Names the labels that are not there.
        """
        used = self.used()
        places = {label: place for place, label in enumerate(classes)}
        unknown = [label for label in used.distinct if label not in places]
        if unknown:
            raise DataError(f"{name} has the label {listed(map(repr, unknown))}; {owner} {listed(map(repr, classes))}")
        return np.array([places[label] for label in used.distinct], dtype=np.intp)[used.codes]


def is_single_class(y: DataLike, task: Task) -> bool:
    """Whether ``y`` is one column of class labels: the task is of classes, and a row has one of them."""
    if task.name not in {"binary", "multiclass"}:
        return False
    shape = tuple(getattr(y, "shape", ())) or np.shape(y)
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def learned_classes(y: DataLike, model: Model, name: str) -> tuple[Label, ...]:
    """The classes of a column of labels, in the order of the outputs.

    Integers from 0 to ``C - 1`` are these classes, whether all of them occur or not; so are -1 and 1 for two classes.
    Other labels must be as many as the network has classes; they are sorted, or in the order of declared categories.

    Raises:
        DataError: When there are more or fewer.
    """
    count, binary = model.task.classes, model.task.name == "binary"
    column = column_of(y, name)
    if isinstance(column, np.ndarray):
        check_finite(column, name)
        # A binary target that is not integral is a probability: the check of the loss' domain judges it.
        soft = binary and not _is_integral(column)
        if soft or (column.dtype.kind != "b" and _is_integral(column) and _within(column, count)):
            return tuple(range(count))
        if binary and np.isin(column, (-1, 1)).all():
            return -1, 1
    labels = _labels(column, name)
    if len(labels.distinct) != count:
        labels = labels.used()
    if len(labels.distinct) == count:
        return labels.distinct
    if binary and labels.distinct in {(False,), (True,)}:
        return False, True
    distinct, outputs = len(labels.distinct), f"{model.outputs} output{'s' * (model.outputs > 1)}"
    raise DataError(
        f"{name} has {distinct} class{'es' * (distinct > 1)} ({listed(map(repr, labels.distinct))}); expected {count}, "
        f"or integers from 0 to {count - 1}: the network has {outputs}"
    )


def encoded(y: DataLike, model: Model, name: str) -> DataLike:
    """A column of labels as codes of classes: from 0 to ``C - 1``, or -1 and 1 where a binary loss expects signs.

    Binary targets that are numbers between those of the two classes stay as they are.

    Raises:
        DataError: For a label that is not among the classes of the network.
    """
    classes, domain = model.description.classes or learned_classes(y, model, name), model.loss.target_domain
    signs = domain == "sign" and model.task.name == "binary"
    column = column_of(y, name)
    if isinstance(column, np.ndarray):
        check_finite(column, name)
        own = (-1, 1) if signs else tuple(range(len(classes)))
        if classes == own or (classes == (-1, 1) and domain == "real"):
            soft = model.task.name == "binary" and not _is_integral(column)
            if soft or np.isin(column, classes).all():
                return column
    codes = _labels(column, name).among(classes, name)
    return 2 * codes - 1 if signs else codes


def predicted_labels(model: Model, prediction: Array) -> Array:
    """The label of each row of a prediction ``(N, K)``, ``(N,)``; for multilabel 0 or 1 for each column, ``(N, K)``.

    Raises:
        DataError: When the network predicts no classes, or a prediction is NaN where labels are not 0 to ``C - 1``.
    """
    if model.task.name not in CLASSIFICATION:
        raise DataError(
            f"labels=True, and the task of this network is {model.task.name}; leave labels out, or state the task in"
            " Network(..., task=...)"
        )
    codes = model.task.predicted(model.loss.point(prediction))
    classes = model.description.classes
    if classes is None and model.loss.target_domain == "sign":
        classes = (-1, 1)
    if model.task.name == "multilabel" or classes is None:
        return codes
    if classes == tuple(range(len(classes))) and not isinstance(classes[0], bool):
        return codes
    if codes.min(initial=0) < 0:
        raise DataError(f"the prediction for {row_name(int(codes.argmin()))} is NaN, which belongs to no class")
    labels = np.array(classes)
    if labels.dtype.kind == "f" and isinstance(classes[0], int):  # integers that no integer dtype holds together
        labels = np.array(classes, dtype=object)
    return labels[codes]


def column_of(y: Any, name: str) -> Array | Labels:
    """Numbers as an array ``(N,)``; texts, objects and declared categories as labels."""
    if isinstance(y, Labels):
        return y
    refuse_foreign(y, name)
    if is_frame(y):
        y = only_column(y)
    coded = is_column(y) or hasattr(y, "codes")
    categories = getattr(getattr(y, "dtype", None), "categories", None) if coded else None
    if categories is not None:
        codes = np.asarray(getattr(y, "cat", y).codes, dtype=np.intp)
        distinct = np.asarray(categories).tolist()
        _refuse_missing(np.flatnonzero(codes < 0).tolist(), name)
        _refuse_several_types(distinct, name)
        return Labels(tuple(_label(value, name) for value in distinct), codes)
    values = _listed_objects(y) if isinstance(y, (list, tuple)) else np.asarray(y)
    if values.dtype.kind == "T":
        values = values.astype(object)
    if values.dtype.kind in "OUS":
        if is_column(y) and getattr(y.dtype, "kind", "O") in "biuf":  # nullable numbers
            return as_array(y, name)
        return Labels.of(values.reshape(-1), name)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{name} holds values of dtype {values.dtype}; {EXPECTED}")
    return as_array(values if isinstance(y, (list, tuple)) else y, name).reshape(-1)


def _listed_objects(y: list[Any] | tuple[Any, ...]) -> Array:
    """A list as an array; of objects where numpy would round integers, or turn numbers into texts."""
    values = np.asarray(y)
    flat = [item[0] if isinstance(item, (list, tuple)) else item for item in y]
    rounded = values.dtype.kind == "f" and all(isinstance(item, int) for item in flat)
    if rounded or (values.dtype.kind == "U" and not all(isinstance(item, str) for item in flat)):
        values = np.empty(len(flat), dtype=object)
        values[:] = flat
    return values


def _labels(column: Array | Labels, name: str) -> Labels:
    return column if isinstance(column, Labels) else Labels.of(column, name)


def _is_integral(numbers: Array) -> bool:
    return numbers.dtype.kind != "f" or bool((np.floor(numbers) == numbers).all())


def _within(numbers: Array, count: int) -> bool:
    return bool(numbers.min(initial=0) >= 0 and numbers.max(initial=0) < count)


def _is_missing(item: object) -> bool:
    return item is None or type(item).__name__ == "NAType" or (isinstance(item, float) and math.isnan(item))


def _refuse_missing(rows: list[int], name: str) -> None:
    if rows:
        raise DataError(f"{name}[{rows[0]}] is missing ({len(rows)} such labels); drop those rows first")


def _refuse_several_types(labels: list[Any], name: str) -> None:
    kinds = {_kind(label) for label in labels}
    if len(kinds) > 1:
        raise DataError(f"{name} has labels of several types ({', '.join(sorted(kinds))}); {EXPECTED}")


def _kind(item: object) -> str:
    if isinstance(item, (bool, np.bool_)):
        return "bool"
    return "number" if isinstance(item, (int, float, np.number)) else type(item).__name__


def _label(value: Any, name: str) -> Label:
    """A label as a value of Python; bytes are texts.

    Raises:
        DataError: When it is no str, bool, int or integral float.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and value.is_integer()):
        return str(value) if isinstance(value, str) else value
    advice = "" if isinstance(value, float) else f": convert them, for example [str(label) for label in {name}]"
    raise DataError(f"{name} has the value {value!r}; {EXPECTED}{advice}")
