"""Average precision."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.metrics._ranking import Ranking


@final
@attrs.frozen(kw_only=True)
class AveragePrecision(Ranking):
    """``sum_n (recall[n] - recall[n - 1]) precision[n]`` over all thresholds, highest first; in [0, 1].

    For multiclass and multilabel each column is a class against the rest, and the classes are averaged. A class
    without samples counts 0. NaN before any weight, or when a score is NaN.

    Args:
        average: ``"macro"``, ``"micro"`` (all columns as one), ``"weighted"`` (by frequency), ``"samples"`` (the mean
            over rows, multilabel), or ``None`` (one value a class). Without effect on the task binary.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a class does not exist, or the task has no such average.

    Source:
        Zhu (2004), "Recall, Precision and Average Precision"; scikit-learn's ``average_precision_score``.

    Example:
        >>> metric = AveragePrecision()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([0, 0, 1, 1]), np.ones(4))
        >>> round(metric.result(state), 4)
        0.8333
    """

    examples = (
        Example(
            inputs={
                "prediction": [[0.1], [0.4], [0.35], [0.8]],
                "target": np.array([0, 0, 1, 1]),
                "weight": [1.0] * 4,
            },
            expected=0.8333333333333333,
            source="scikit-learn, documentation of average_precision_score",
        ),
        Example(
            inputs={"prediction": [[0.1], [0.4]], "target": np.array([0, 0]), "weight": [1.0] * 2},
            expected=0.0,
            source="scikit-learn 1.9.1: a class without samples",
        ),
    )

    def of_scores(self, own: Array, rest: Array) -> float:
        if not own.any():
            return 0.0
        own, rest = own[::-1], rest[::-1]
        right = np.cumsum(own)
        return min(1.0, float(own / right[-1] @ (right / (right + np.cumsum(rest)))))  # rounding may exceed 1
