"""Explained variance."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.metrics._examples import regression_example
from nnkit.metrics._variance import VarianceRatio


@final
@attrs.frozen(kw_only=True)
class ExplainedVariance(VarianceRatio):
    """``1 - Var(target - prediction) / Var(target)``, the mean over outputs; at most 1.

    Unlike ``r2`` it ignores a constant error. An output whose target is constant counts 1 if its error is constant
    too and 0 otherwise. NaN before any weight.

    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        scikit-learn's ``explained_variance_score``; merging after Chan, Golub & LeVeque (1983), "Algorithms for
        Computing the Sample Variance".

    Example:
        >>> metric = ExplainedVariance()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[2.0], [3.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]), np.ones(3))
        >>> metric.result(state)
        1.0
    """

    examples = (
        regression_example(0.9571734475374732, "explained_variance_score"),
        Example(
            inputs={"prediction": [[2.0], [3.0], [5.0]], "target": [[1.0], [2.0], [4.0]], "weight": [1.0] * 3},
            expected=1.0,
            source="scikit-learn 1.9.1: a constant error",
        ),
        Example(
            inputs={
                "prediction": [[1.0, -4.0], [1.0, -3.0], [3.5, -2.5]],
                "target": [[1.0, 0.0], [2.0, 2.0], [4.0, 4.0]],
                "weight": [1.0] * 3,
            },
            expected=0.7485119047619047,
            source="scikit-learn 1.9.1: the least target is the largest error, and the other way round",
        ),
    )

    def errors(self, state: dict[str, Any]) -> Array:
        low, high = state["low"][1], state["high"][1]
        return np.where(low == high, 0.0, state["squares"][1])
