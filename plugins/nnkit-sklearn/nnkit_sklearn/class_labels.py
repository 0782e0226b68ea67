"""Labels of a classifier beside its classes: their order, and the weight of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.data.labels import Labels
from nnkit.interfaces import Label

__all__ = ["ClassWeight", "are_equal", "are_within", "class_factor", "labels_in"]

ClassWeight: TypeAlias = Mapping[Label, float] | Literal["balanced"]


def class_factor(class_weight: ClassWeight | None, y: Array, classes: Array, weight: Array | None) -> Array | None:
    """The weight of each row's class, ``(N,)``; balanced classes have the same total weight.

    Raises:
        ValueError: For class weights that cannot be read, or of a class that does not exist.
    """
    if class_weight is None:
        return None
    codes = np.searchsorted(classes, y)
    if isinstance(class_weight, Mapping):
        unknown = [label for label in class_weight if label not in classes.tolist()]
        if unknown:
            raise ValueError(f"class_weight has the label {unknown[0]!r}; the classes are {classes}")
        each = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)
    elif class_weight == "balanced":
        totals = np.bincount(codes, weights=weight, minlength=len(classes))
        present = totals > 0.0
        each = np.divide(totals.sum() / present.sum(), totals, where=present, out=np.zeros(len(classes)))
    else:
        raise ValueError(f"class_weight is {class_weight!r}; expected 'balanced', or a mapping from labels to weights")
    return each[codes]


def labels_in(y: Array, classes: Array, name: str = "y") -> Labels:
    """The labels with all classes, in the order of the outputs.

    Raises:
        ValueError: For a label that is not one of them.
    """
    places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = np.unique(np.asarray(y)[classes[places] != y])
    if len(unknown):
        raise ValueError(f"{name} has the label {unknown.tolist()[0]!r}; the classes are {classes}")
    return Labels(tuple(classes.tolist()), places)


def are_within(labels: Array | list[Array], classes: Array | list[Array]) -> bool:
    """Whether all labels, in each column, are among the classes."""
    if isinstance(labels, list) or isinstance(classes, list):
        both = isinstance(labels, list) and isinstance(classes, list) and len(labels) == len(classes)
        return both and all(map(are_within, labels, classes))
    return bool(np.isin(labels, classes).all())


def are_equal(labels: Array | list[Array], classes: Array | list[Array]) -> bool:
    """Whether these are the same classes, in any order."""
    return are_within(labels, classes) and are_within(classes, labels)
