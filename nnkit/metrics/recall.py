"""Recall."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.class_metric import ClassRatio
from nnkit.metrics._sklearn import sklearn_example


@final
@attrs.frozen(kw_only=True)
class Recall(ClassRatio):
    """``right / actual`` of a class, in [0, 1]; 0 where no target is of it.

    ``nnkit.interfaces.class_metric.ClassMetric`` documents how predictions and targets become classes.

    Args:
        average: ``"binary"``, ``"macro"``, ``"micro"``, ``"weighted"`` or ``"auto"``, as in ``precision``.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns, or ``average="binary"`` with more than two columns.

    Source:
        Kent, Berry, Luehrs & Perry (1955), "Machine literature searching VIII", which calls it the recall factor.

    Example:
        >>> metric = Recall()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [0.0]]), np.ones(3))
        >>> metric.result(state)
        1.0
    """

    examples = (sklearn_example(0.3333333333333333),)

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return right, actual
