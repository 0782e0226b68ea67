"""Cohen's kappa."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.interfaces.class_metric import ClassMetric
from nnkit.interfaces.fields import choice


@final
@attrs.frozen(kw_only=True)
class CohenKappa(ClassMetric):
    """``1 - sum(d * observed) / sum(d * expected)``, at most 1: agreement beyond chance.

    ``observed`` is the table of true against predicted classes, ``expected`` the one with the same margins and no
    relation, ``d`` the cost of a disagreement. NaN where chance agrees perfectly (a single class) and before any
    weight.


    Args:
        weights: ``None``: every disagreement costs 1; ``"linear"`` or ``"quadratic"``: the distance of the classes, or
            its square, for classes that have an order.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the metric cannot judge the task, or a class does not exist.

    Source:
        Cohen (1960), "A Coefficient of Agreement for Nominal Scales"; Cohen (1968) for the weights.

    Example:
        >>> metric = CohenKappa()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        0.4
    """

    tasks = ("binary", "multiclass")
    bounds = (-math.inf, 1.0)
    higher_is_better = True
    variants = ({"weights": "linear"}, {"weights": "quadratic"})
    examples = (
        Example(
            inputs={
                "prediction": np.eye(2)[[0, 1, 0, 0, 0, 1]],
                "target": np.array([0, 1, 0, 0, 1, 0]),
                "weight": [1.0] * 6,
            },
            expected=0.25,
            source="by hand: observed agreement 4/6, by chance 20/36",
        ),
        *(
            Example(
                inputs={
                    "prediction": np.eye(3)[[0, 2, 1, 2, 1, 2]],
                    "target": np.array([0, 0, 1, 2, 2, 2]),
                    "weight": [1.0] * 6,
                },
                expected=expected,
                hyperparameters={"weights": weights},
                source="scikit-learn 1.9.1",
            )
            for weights, expected in (("linear", 0.4375), ("quadratic", 0.4))
        ),
    )

    weights: str | None = choice(None, ("linear", "quadratic"), optional=True)

    def from_table(self, table: Array, task: Task) -> float:
        total = table.sum()
        if not total:
            return math.nan
        classes = len(table)
        cost = np.abs(np.arange(classes)[:, None] - np.arange(classes + 1)).astype(np.float64)
        cost[:, -1] = classes - 1  # a prediction of no class is as wrong as can be
        cost = np.minimum(cost, 1.0) if self.weights is None else cost**2 if self.weights == "quadratic" else cost
        chance = (cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum() / total
        return float(1.0 - (cost * table).sum() / chance) if chance else math.nan
