"""Mean squared error."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.losses._squares import ScaledSquares


@final
@attrs.frozen(kw_only=True)
class MeanSquaredError(ScaledSquares):
    """``sum_k (prediction - target)^2 / K``: the mean over a sample's ``K`` outputs.

    Source:
        Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes"; the mean over
        outputs as in Keras' ``mean_squared_error``.

    Example:
        >>> MeanSquaredError().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
        array([2.5])
    """

    examples = (
        Example(
            inputs={"prediction": [[0.1, 0.7], [3.0, -2.5]], "target": [[0.3, 0.2], [-1.0, 0.5]]},
            expected=[0.145, 12.5],
            source="exact arithmetic: (0.04 + 0.25)/2 and (16 + 9)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum((p - t) ** 2 for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows])

    def scale(self, outputs: int) -> float:
        return 2.0 / outputs
