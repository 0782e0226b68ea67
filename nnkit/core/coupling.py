"""Losses that couple the rows of a batch: what they exclude, and how an undeclared one is detected."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY
from nnkit.core.model import Model
from nnkit.errors import DataError, NotOfferedError, SpecError
from nnkit.interfaces import Loss

__all__ = ["CHECKED_ROWS", "batch_loss", "check_memory", "check_uncoupled", "refuse_coupled", "spread"]

CHECKED_ROWS = 64
"""Rows on which undeclared coupling is looked for."""

TOLERANCE = 1e4
"""How far values of a row may differ between batches, in units of ``eps``; coupling changes the first digits."""


def batch_loss(loss: Loss, prediction: Array, target: Array, weight: Array | None) -> float:
    """The weighted mean over the rows of a batch, or the batch value of a loss that couples them."""
    weights = np.ones(len(prediction), dtype=prediction.dtype) if weight is None else weight
    if loss.rows_coupled:
        return float(loss.batch_value(prediction, target, weights))
    return float(np.average(loss.value(prediction, target), weights=weights))


def check_memory(model: Model, rows: int, columns: int, itemsize: int, what: str, memory: int = MEMORY) -> None:
    """Refuse more rows than fit into ``memory`` bytes, where the loss couples them.

    Args:
        model: The structure.
        rows: Rows of the data.
        columns: Numbers that are stored for each row.
        itemsize: Bytes of a number.
        what: What is computed, for the message.
        memory: The limit in bytes.

    Raises:
        DataError: Names the estimate and the limit.
    """
    needed = rows * columns * itemsize
    if needed > memory:
        raise DataError(
            f"{type(model.loss).__name__} couples the rows of a batch, so {what} needs all {rows:,} rows in one batch: "
            f"about {needed:,} bytes, above memory={memory:,}; pass fewer rows"
        )


def refuse_coupled(loss: Loss, what: str) -> None:
    """Refuse what needs a loss of each sample.

    Raises:
        NotOfferedError: When the loss couples rows.
    """
    if loss.rows_coupled:
        raise NotOfferedError(
            f"{type(loss).__name__} couples the rows of a batch, so there is no {what}; value, gradient and hvp of all "
            "rows remain"
        )


def spread(rows: int, most: int = CHECKED_ROWS) -> slice:
    """About ``most`` of ``rows``, evenly spread."""
    return slice(None, None, max(1, rows // most))


def check_uncoupled(loss: Loss, prediction: Array, target: Array) -> None:
    """Refuse a loss that couples rows without declaring it: a batch must have the values of its two halves.

    Raises:
        SpecError: When values or gradients of a row depend on the other rows.
    """
    if loss.rows_coupled or len(prediction) < 2:
        return
    half = len(prediction) // 2
    for method in ("value", "gradient"):
        compute = getattr(loss, method)
        with np.errstate(all="ignore"):
            together = compute(prediction, target)
            apart = np.concatenate(
                [compute(prediction[part], target[part]) for part in (slice(half), slice(half, None))]
            )
            size = np.abs(together[np.isfinite(together)]).max(initial=1.0)
        tolerance = TOLERANCE * np.finfo(prediction.dtype).eps * size
        if not np.allclose(together, apart, rtol=0.0, atol=tolerance, equal_nan=True):
            raise SpecError(
                f"{method} of {type(loss).__name__} gives a row other values in a batch of {len(prediction)} rows than "
                "in its halves: a loss that couples rows must declare rows_coupled = True and define batch_value and "
                "batch_gradient; any other must not reduce over the rows"
            )
