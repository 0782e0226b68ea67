"""Area under the ROC curve."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.metrics._ranking import Ranking


@final
@attrs.frozen(kw_only=True)
class AUC(Ranking):
    """Probability that a sample of the class scores above one of the others, ties counting half; in [0, 1].

    For multiclass and multilabel each column is a class against the rest, and the classes that have samples of both
    sides are averaged. NaN when there is none, or when a score is NaN.

    Args:
        average: ``"macro"``, ``"micro"`` (all columns as one), ``"weighted"`` (by frequency), ``"samples"`` (the mean
            over rows, multilabel), or ``None`` (one value a class). Without effect on the task binary.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a class does not exist, or the task has no such average.

    Source:
        Hanley & McNeil (1982), "The meaning and use of the area under a receiver operating characteristic curve".

    Example:
        >>> metric = AUC()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([0, 0, 1, 1]), np.ones(4))
        >>> metric.result(state)
        0.75
    """

    examples = (
        Example(
            inputs={
                "prediction": [[0.1], [0.4], [0.35], [0.8]],
                "target": np.array([0, 0, 1, 1]),
                "weight": [1.0] * 4,
            },
            expected=0.75,
            source="scikit-learn, documentation of roc_auc_score: 3 of 4 pairs",
        ),
        Example(
            inputs={
                "prediction": [[0.5], [0.5], [0.2], [0.9]],
                "target": np.array([0, 1, 0, 1]),
                "weight": [1.0] * 4,
            },
            expected=0.875,
            source="counting pairs: 3 of 4 are right, and one is a tie",
        ),
    )

    def of_scores(self, own: Array, rest: Array) -> float:
        if not (own.any() and rest.any()):
            return math.nan
        below = np.cumsum(rest) - 0.5 * rest
        return min(1.0, float(own @ below / (own.sum() * rest.sum())))  # rounding may exceed 1
