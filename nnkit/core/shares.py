"""The share of each row in the weight of all data."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError

__all__ = ["shares_of"]


def shares_of(rows: int, weight: Array | None, total_weight: float | None) -> Array:
    """The share of each row in the weight of all data, ``(N,)`` in float64, whatever the scale of the weights.

    Raises:
        DataError: When ``total_weight`` is less than the weight of these rows.
    """
    if total_weight is None:
        if weight is None:
            return np.full(rows, 1.0 / rows)
        relative: Array = weight / weight.max()
        relative /= relative.sum()
        return relative
    total = float(total_weight)
    if np.isfinite(total) and total > 0.0:
        shares: Array = np.full(rows, 1.0 / total) if weight is None else weight / total
        # Sums of float weights in another order may differ in their last digits.
        if shares.sum() <= 1.0 + 1e-6:
            return shares
    own = rows if weight is None else weight.sum()
    raise DataError(f"total_weight is {total_weight!r}; expected the weight of all shards, at least {own:g}")
