"""F1 score."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.class_metric import ClassRatio
from nnkit.metrics._sklearn import sklearn_example


@final
@attrs.frozen(kw_only=True)
class F1(ClassRatio):
    """``2 right / (predicted + actual)`` of a class, in [0, 1]; 0 where nothing of it is predicted or true.

    ``nnkit.interfaces.class_metric.ClassMetric`` documents how predictions and targets become classes.

    Args:
        average: ``"binary"`` (class 1 alone), ``"macro"``, ``"micro"``, ``"weighted"``, or ``"auto"``:
            binary for one column of prediction, macro for several.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns, or ``average="binary"`` with more than two columns.

    Source:
        van Rijsbergen (1979), "Information Retrieval", chapter 7: the harmonic mean of precision and recall.

    Example:
        >>> metric = F1()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [0.0]]), np.ones(3))
        >>> metric.result(state)
        0.6666666666666666
    """

    examples = (sklearn_example(0.26666666666666666),)

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return 2.0 * right, predicted + actual
