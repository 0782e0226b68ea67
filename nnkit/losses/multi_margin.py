"""Multi-class margin loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real
from nnkit.losses._outputs import no_curvature


@final
@attrs.frozen(kw_only=True)
class MultiMargin(Loss):
    """``sum_{k != t} max(0, margin - prediction[t] + prediction[k]) / K`` for the class ``t`` of each row.

    At the kink, where an output is exactly ``margin`` below that of the class, the gradient is taken from beyond it: 0.

    Args:
        margin: How far the output of the class should be above all others, above 0.

    Source:
        Weston & Watkins (1999), "Support Vector Machines for Multi-Class Pattern Recognition"; divided by the number
        of classes as in PyTorch's ``MultiMarginLoss``.

    Example:
        >>> MultiMargin().value(np.array([[2.0, 1.5, 0.0, -1.0]]), np.array([0]))
        array([0.125])
    """

    target_domain = "index"
    minimum_at_target = False  # a label is no prediction
    zero_at_target = False
    additive = False
    variants = ({"margin": 0.3}, {"margin": 2.5})
    examples = (
        Example(
            inputs={"prediction": [[2.0, 1.5, 0.0, -1.0], [0.0, 0.0, 1.0, 2.0]], "target": np.array([0, 1])},
            expected=[0.125, 1.5],
            source="exact arithmetic: 0.5/4 and (1 + 2 + 3)/4",
        ),
    )

    margin: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, margin: float) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        terms = [[max(0.0, margin - p[t] + other) for k, other in enumerate(p) if k != t] for p, t in rows]
        return np.array([math.fsum(row) / prediction.shape[1] for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = np.maximum(self._excess(prediction, target), 0.0).sum(axis=1) / prediction.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        excess = self._excess(prediction, target)
        slope = np.where(np.isnan(excess), excess, excess > 0.0).astype(prediction.dtype)
        slope[np.arange(len(target)), target.astype(np.intp)] = -slope.sum(axis=1)
        mean: Array = slope / prediction.shape[1]
        return mean

    def curvature(self, prediction: Array, target: Array) -> Array:
        return no_curvature(prediction)

    def _excess(self, prediction: Array, target: Array) -> Array:
        """How far each output but that of the class lies above the margin."""
        rows, label = np.arange(len(target)), target.astype(np.intp)
        excess: Array = prediction - prediction[rows, label][:, None] + prediction.dtype.type(self.margin)
        excess[rows, label] *= 0.0
        return excess
