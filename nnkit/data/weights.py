"""Weights of samples: of any scale, and from weights of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array, IntArray
from nnkit.core.model import Model
from nnkit.data.arrays import as_array
from nnkit.errors import DataError
from nnkit.interfaces import Label
from nnkit.interfaces.description import listed

__all__ = [
    "ClassWeight",
    "check_weighable",
    "check_weight",
    "class_weights",
    "moderate",
    "unit_of",
    "with_class_weights",
]

ClassWeight: TypeAlias = Mapping[Label, float] | npt.ArrayLike | Literal["balanced"]
"""``{label: weight}``, one weight a class, or ``"balanced"``."""


LARGEST = 1e30
"""Sums of weights up to this, and the largest weight down to its inverse, are used as they are in every dtype."""


def moderate(weight: Array) -> Array:
    """The weights as they are, where their sums and products are safe in float32; else divided by the largest.

    Example:
        >>> moderate(np.array([1e307, 5e306])), moderate(np.array([3.0, 1.0]))
        (array([1. , 0.5]), array([3., 1.]))
    """
    unit = unit_of(float(weight.max(initial=0.0)), len(weight))
    return weight if unit == 1.0 else weight / unit


def unit_of(largest: float, rows: int) -> float:
    """What to divide weights by: 1 where their sums and products are safe in float32, else the largest."""
    safe = largest == 0.0 or (largest > 1.0 / LARGEST and largest * rows < LARGEST)
    return 1.0 if safe else largest


def check_weight(weight: Array | None, part: str) -> None:
    """Refuse a part of the data without weight.

    Raises:
        DataError: Names the part.
    """
    if weight is not None and not weight.max() > 0:
        raise DataError(
            f"sample_weight leaves the {part} part without a row that has a weight above 0; choose another "
            "validation_split, or pass validation_data"
        )


def with_class_weights(class_weight: ClassWeight, model: Model, target: Array, weight: Array | None) -> Array:
    """Sample weights times the weight of each sample's class.

    Args:
        class_weight: ``{label: weight}`` (classes left out weigh 1), one weight a class, in the order of
            ``network.classes``, or ``"balanced"``: ``N / (C * count)``, where a row counts as its sample weight, so
            that all classes present have the same total weight.
        model: The structure, with the labels of its classes.
        target: As the loss sees it.
        weight: Sample weights, or ``None``.

    Raises:
        DataError: When the task has not one class a row, a class does not exist, or a weight is negative or not finite.
    """
    check_weighable(model, target)
    codes = model.task.target(target)
    weights: Array = class_weights(class_weight, model, codes, weight)[codes]
    weights = weights if weight is None else weights * moderate(weight)
    if not weights.max() > 0:
        raise DataError("class_weight and sample_weight leave no training sample with a weight above 0")
    return weights


def class_weights(class_weight: ClassWeight, model: Model, codes: IntArray, weight: Array | None) -> Array:
    """The weight of each class, ``(C,)``; see ``with_class_weights``.

    Args:
        class_weight: As passed to ``fit``.
        model: The structure, with the labels of its classes.
        codes: The class of each sample, ``(N,)``.
        weight: Sample weights, or ``None``.

    Raises:
        DataError: When a class does not exist, or a weight is negative or not finite.
    """
    classes = model.description.classes or tuple(range(model.task.classes))
    each = np.ones(len(classes))
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise DataError(f"class_weight is {class_weight!r}; expected 'balanced', a dict or one weight a class")
        totals = np.bincount(codes, weights=None if weight is None else moderate(weight), minlength=len(classes))
        present = totals > 0
        each[present] = totals.sum() / (present.sum() * totals[present])
    elif isinstance(class_weight, Mapping):
        places = {label: place for place, label in enumerate(classes)}
        for label, value in class_weight.items():
            if label not in places:
                raise DataError(
                    f"class_weight names the class {label!r}; the classes of this network are "
                    f"{listed(map(repr, classes))}"
                )
            each[places[label]] = _number(value, f"class_weight[{label!r}]")
    else:
        each = as_array(class_weight, "class_weight").astype(np.float64)
        if each.shape != (len(classes),):
            raise DataError(
                f"class_weight has shape {each.shape}; expected one weight for each of {len(classes)} classes"
            )
    if not np.isfinite(each).all() or each.min() < 0:
        raise DataError(f"class_weight holds {each.tolist()}; expected finite non-negative weights")
    return moderate(each)


def _number(value: npt.ArrayLike, name: str) -> float:
    number = as_array(value, name)
    if number.size != 1:
        raise DataError(f"{name} has shape {number.shape}; expected one number")
    return float(number.reshape(-1)[0])


def check_weighable(model: Model, target: Array) -> None:
    """Refuse class weights where a row has not one class.

    Raises:
        DataError: With what to use instead.
    """
    task = model.task.name
    if task == "multilabel":
        raise DataError(
            "class_weight weighs the one class of a row, and the rows of the task multilabel have several: weigh the "
            "positives of each column instead, loss='binary_crossentropy(pos_weight=[...])', or pass sample_weight"
        )
    if task not in {"binary", "multiclass"}:
        raise DataError(f"class_weight was given, and the task of this network is {task}; use sample_weight")
    if task == "binary" and not np.isin(target, (-1, 0, 1)).all():
        raise DataError("class_weight was given, but the targets are no class labels; use sample_weight")
