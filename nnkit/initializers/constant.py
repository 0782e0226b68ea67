"""One number for all."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Initializer, Law
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Constant(Initializer):
    """``w = value``.

    Args:
        value: Any finite number.

    Source:
        Goodfellow, Bengio & Courville (2016), "Deep Learning", section 8.4, for where biases other
        than 0 help (0.1 before rectifiers, for one).

    Example:
        >>> Constant(value=0.1).sample((2,), 3, 2, np.random.default_rng(0), np.dtype(np.float64))
        array([0.1, 0.1])
    """

    random = False
    variants = ({"value": -2.5},)

    value: float = real(0.0)

    examples = (
        Example(
            inputs={"shape": [2, 3], "fan_in": 2, "fan_out": 3},
            expected=[[-2.5, -2.5, -2.5], [-2.5, -2.5, -2.5]],
            source="the definition",
            hyperparameters={"value": -2.5},
        ),
    )

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.full(shape, self.value, dtype=dtype)

    def law(self, fan_in: int, fan_out: int) -> Law:
        return Law(mean=self.value, variance=0.0, low=self.value, high=self.value)
