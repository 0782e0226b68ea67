"""The first data describe themselves: names of columns, and labels of classes."""

from __future__ import annotations

import attrs

from nnkit.core.model import Model
from nnkit.data.arrays import DataLike
from nnkit.data.frames import column_names
from nnkit.data.labels import is_single_class, learned_classes
from nnkit.interfaces import Label

__all__ = ["described"]


def described(model: Model, X: DataLike, y: DataLike) -> Model:
    """The model with what it did not know yet about its data: features, targets, classes.

    Raises:
        DataError: When two columns have one name, or the labels are not as many as the network has classes.
    """
    known = model.description
    names = column_names(y, "y")
    description = attrs.evolve(
        known,
        features=known.features or column_names(X, "X"),
        targets=known.targets or (names if names is not None and len(names) > 1 else None),
    )
    if known.classes is None:
        description = attrs.evolve(description, classes=_classes(model, y, description.targets))
    return model if description == known else attrs.evolve(model, description=description)


def _classes(model: Model, y: DataLike, targets: tuple[str, ...] | None) -> tuple[Label, ...] | None:
    if is_single_class(y, model.task):
        return learned_classes(y, model, "y")
    if model.task.name == "multiclass":  # one-hot rows, or probabilities
        named = targets is not None and len(targets) == model.task.classes
        return targets if named else tuple(range(model.task.classes))
    return targets if model.task.name == "multilabel" else None
