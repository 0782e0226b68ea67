"""Zeros."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._filled import Filled
from nnkit.interfaces import Example


@final
@attrs.frozen(kw_only=True)
class Zeros(Filled):
    """``w = 0``: the usual start of biases. Units whose weights all start from 0 stay equal.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", which starts biases so (beside equation 1).

    Example:
        >>> Zeros().sample((2,), 3, 2, np.random.default_rng(0), np.dtype(np.float64))
        array([0., 0.])
    """

    value = 0.0
    examples = (
        Example(
            inputs={"shape": [2, 3], "fan_in": 2, "fan_out": 3},
            expected=[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
            source="the definition",
        ),
    )
