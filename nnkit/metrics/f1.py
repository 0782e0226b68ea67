"""F1 score."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.class_metric import ClassRatio
from nnkit.metrics._examples import macro_example


@final
@attrs.frozen(kw_only=True)
class F1(ClassRatio):
    """``2 right / (predicted + actual)`` of a class, in [0, 1]; 0 where nothing of it is predicted or true.

    Args:
        average: ``"binary"`` (class 1 alone), ``"macro"``, ``"micro"``, ``"weighted"``, ``"samples"``, ``None`` (one
            value a class), or ``"auto"``: binary for the task binary, macro for the others.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the task has no such average, or a class does not exist.

    Source:
        van Rijsbergen (1979), "Information Retrieval", chapter 7: the harmonic mean of precision and recall.

    Example:
        >>> metric = F1()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        0.6666666666666666
    """

    examples = (macro_example(0.26666666666666666),)

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return 2.0 * right, predicted + actual
