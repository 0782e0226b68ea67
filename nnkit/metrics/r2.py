"""Coefficient of determination."""

from __future__ import annotations

from typing import Any, final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.metrics._examples import regression_example
from nnkit.metrics._variance import VarianceRatio


@final
@attrs.frozen(kw_only=True)
class R2(VarianceRatio):
    """``1 - sum w (target - prediction)**2 / sum w (target - mean target)**2``, the mean over outputs; at most 1.

    An output whose target is constant counts 1 if it is predicted exactly and 0 otherwise. NaN for fewer than two
    rows that have a weight.

    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        Wright (1921), "Correlation and Causation"; merging after Chan, Golub & LeVeque (1983), "Algorithms for
        Computing the Sample Variance".

    Example:
        >>> metric = R2()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]), np.ones(3))
        >>> metric.result(state)
        0.5
    """

    fewest_rows = 2
    examples = (
        regression_example(0.9486081370449679, "r2_score (there 0.948...), all digits by hand: 1 - 1.5 / 29.1875"),
        Example(
            inputs={
                "prediction": [[2.5], [0.0], [2.0], [8.0]],
                "target": [3.0, -0.5, 2.0, 7.0],
                "weight": [1.0] * 4,
            },
            expected=0.9486081370449679,
            source="the same, a flat target next to one column",
        ),
        Example(
            inputs={
                "prediction": [[1.0, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 5.0, 6.0]],
                "target": [[1.0, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 5.0, 5.0]],
                "weight": [1.0] * 3,
            },
            expected=2 / 3,
            source="scikit-learn's rule for a constant column: 1 where it is predicted exactly, else 0",
        ),
    )

    def errors(self, state: dict[str, Any]) -> Array:
        total: Array = state["squares"][1] + state["weight"] * state["mean"][1] ** 2
        return total
