"""Precision."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.class_metric import ClassRatio
from nnkit.metrics._sklearn import sklearn_example


@final
@attrs.frozen(kw_only=True)
class Precision(ClassRatio):
    """``right / predicted`` of a class, in [0, 1]; 0 where nothing is predicted to be of it.

    ``nnkit.interfaces.class_metric.ClassMetric`` documents how predictions and targets become classes.

    Args:
        average: ``"binary"`` (class 1 alone), ``"macro"``, ``"micro"``, ``"weighted"``, or ``"auto"``:
            binary for one column of prediction, macro for several.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns, or ``average="binary"`` with more than two columns.

    Source:
        van Rijsbergen (1979), "Information Retrieval", chapter 7.

    Example:
        >>> metric = Precision()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [0.0]]), np.ones(3))
        >>> metric.result(state)
        0.5
    """

    examples = (sklearn_example(0.2222222222222222),)

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return right, predicted
