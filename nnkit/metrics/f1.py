"""F1 score."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.interfaces.class_metric import ClassRatio


@final
@attrs.frozen(kw_only=True)
class F1(ClassRatio):
    """``2 right / (predicted + actual)`` of a class, in [0, 1]; 0 where nothing of it is predicted or true.

    How predictions and targets become classes, ``nnkit.interfaces.class_metric.ClassMetric`` says.

    Args:
        average: ``"binary"`` (class 1 alone), ``"macro"``, ``"micro"``, ``"weighted"``, or ``"auto"``:
            binary for one column of prediction, macro for several.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns, or three classes meet ``"binary"``.

    Source:
        van Rijsbergen (1979), "Information Retrieval", chapter 7: the harmonic mean of precision and recall.

    Example:
        >>> metric = F1()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [0.0]]), np.ones(3))
        >>> metric.result(state)
        0.6666666666666666
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    variants = ({"average": "macro"}, {"average": "micro"}, {"average": "weighted"})
    examples = (
        Example(
            inputs={
                "prediction": np.eye(3)[[0, 2, 1, 0, 0, 1]],
                "target": [0, 1, 2, 0, 1, 2],
                "weight": [1.0] * 6,
            },
            expected=0.26666666666666666,
            source="scikit-learn, documentation of the function of this name, average='macro'",
        ),
    )

    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return 2.0 * right, predicted + actual
