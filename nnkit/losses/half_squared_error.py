"""Half the squared error."""

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
class HalfSquaredError(ScaledSquares):
    """``sum_k (prediction - target)^2 / 2``, so that the gradient is ``prediction - target``.

    Source:
        Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors", eq. 3.

    Example:
        >>> HalfSquaredError().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
        array([2.5])
    """

    examples = (
        Example(
            inputs={"prediction": [[0.1, 0.7, 0.0], [3.0, -2.5, 1.0]], "target": [[0.3, 0.2, 0.0], [-1.0, 0.5, 0.0]]},
            expected=[0.145, 13.0],
            source="exact arithmetic: (0.04 + 0.25)/2 and (16 + 9 + 1)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum((p - t) ** 2 for p, t in zip(*row, strict=True)) / 2 for row in rows])

    def scale(self, outputs: int) -> float:
        return 1.0
