"""The rows that early stopping judges by."""

from __future__ import annotations

import attrs

from nnkit.arrays import Array

__all__ = ["Held"]


@attrs.frozen(eq=False)
class Held:
    """The validation data of early stopping.

    Args:
        x: Inputs.
        y: Targets, as ``score`` expects them.
        weight: ``(N,)``, or ``None``.
    """

    x: Array
    y: Array
    weight: Array | None
