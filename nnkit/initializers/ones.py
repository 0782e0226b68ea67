"""Ones."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Initializer, Law


@final
@attrs.frozen(kw_only=True)
class Ones(Initializer):
    """``w = 1``: what scales start from.

    Source:
        Ioffe & Szegedy (2015), "Batch Normalization", whose scale parameter starts so.

    Example:
        >>> Ones().sample((2,), 3, 2, np.random.default_rng(0), np.dtype(np.float64))
        array([1., 1.])
    """

    random = False

    examples = (
        Example(
            inputs={"shape": [2, 3], "fan_in": 2, "fan_out": 3},
            expected=[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
            source="the definition",
        ),
    )

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.ones(shape, dtype=dtype)

    def law(self, fan_in: int, fan_out: int) -> Law:
        return Law(mean=1.0, variance=0.0, low=1.0, high=1.0)
