"""Zeros."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Initializer, Law


@final
@attrs.frozen(kw_only=True)
class Zeros(Initializer):
    """``w = 0``: what biases start from; weights that all start from 0 never learn apart.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", which starts biases so (beside equation 1).

    Example:
        >>> Zeros().sample((2,), 3, 2, np.random.default_rng(0), np.dtype(np.float64))
        array([0., 0.])
    """

    random = False

    examples = (
        Example(
            inputs={"shape": [2, 3], "fan_in": 2, "fan_out": 3},
            expected=[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
            source="the definition",
        ),
    )

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.zeros(shape, dtype=dtype)

    def law(self, fan_in: int, fan_out: int) -> Law:
        return Law(mean=0.0, variance=0.0, low=0.0, high=0.0)
