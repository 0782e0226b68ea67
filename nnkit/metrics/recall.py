"""Recall."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.class_metric import ClassRatio
from nnkit.metrics._examples import macro_example


@final
@attrs.frozen(kw_only=True)
class Recall(ClassRatio):
    """``right / actual`` of a class, in [0, 1]; 0 where no target is of it.

    Args:
        average: ``"binary"`` (class 1 alone), ``"macro"``, ``"micro"``, ``"weighted"``, ``"samples"``, ``None`` (one
            value a class), or ``"auto"``: binary for the task binary, macro for the others.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the task has no such average, or a class does not exist.

    Source:
        Kent, Berry, Luehrs & Perry (1955), "Machine literature searching VIII", which calls it the recall factor.

    Example:
        >>> metric = Recall()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        1.0
    """

    examples = (macro_example(0.3333333333333333),)

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return right, actual
