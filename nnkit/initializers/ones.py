"""Ones."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._filled import Filled
from nnkit.interfaces import Example


@final
@attrs.frozen(kw_only=True)
class Ones(Filled):
    """``w = 1``: the usual start of scales.

    Source:
        Ioffe & Szegedy (2015), "Batch Normalization", whose scale parameter starts so.

    Example:
        >>> Ones().sample((2,), 3, 2, np.random.default_rng(0), np.dtype(np.float64))
        array([1., 1.])
    """

    value = 1.0
    examples = (
        Example(
            inputs={"shape": [1, 3], "fan_in": 1, "fan_out": 3}, expected=[[1.0, 1.0, 1.0]], source="the definition"
        ),
    )
