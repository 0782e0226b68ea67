"""Partitions of Dask arrays and frames, row by row together."""

from __future__ import annotations

from typing import Any

import dask
from dask.base import is_dask_collection
from dask.delayed import Delayed

from nnkit.errors import DataError, brief

__all__ = ["partitions"]


def partitions(X: Any, y: Any, sample_weight: Any) -> list[Delayed]:
    """A tuple ``(X, y)`` or ``(X, y, sample_weight)`` for each partition, not computed yet.

    Raises:
        DataError: When something is no collection of Dask, or has other partitions than ``X``.
    """
    given = {"X": X, "y": y} | ({} if sample_weight is None else {"sample_weight": sample_weight})
    columns = []
    for name, values in given.items():
        if not is_dask_collection(values) or not hasattr(values, "to_delayed"):
            raise DataError(f"{name} is {brief(values)}; expected an array or a frame of Dask, as X, y and weights are")
        columns.append(_blocks(values, X))
    for name, blocks in zip(given, columns, strict=True):
        if len(blocks) != len(columns[0]):
            raise DataError(
                f"{name} has {len(blocks)} partitions and X has {len(columns[0])}: give them the same partitions"
            )
    together = dask.delayed(_tuple, pure=False)
    return [together(*blocks) for blocks in zip(*columns, strict=True)]


def _blocks(values: Any, X: Any) -> list[Delayed]:
    if not hasattr(values, "chunks"):
        blocks: list[Delayed] = list(values.to_delayed())
        return blocks
    if values.ndim > 1:
        values = values.rechunk(dict.fromkeys(range(1, values.ndim), -1))
    rows = getattr(X, "chunks", ((),))[0]
    if rows and sum(rows) == values.shape[0]:  # unknown lengths are NaN, which equals nothing
        values = values.rechunk({0: rows})
    return list(values.to_delayed().ravel())


def _tuple(*parts: Any) -> tuple[Any, ...]:
    return parts
