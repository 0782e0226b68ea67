"""One number for all."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._filled import Filled
from nnkit.interfaces import Example
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Constant(Filled):
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
