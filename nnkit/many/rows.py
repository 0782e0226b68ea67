"""Rows of data in memory, in folds and in their own type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.data.frames import is_column, is_frame
from nnkit.data.labels import Labels
from nnkit.data.sparse import is_sparse
from nnkit.data.table import Table
from nnkit.errors import DataError, brief

__all__ = ["checked_fold", "fold_rows", "rows_of"]

FOLD_STREAM = 4


def fold_rows(folds: int, rows: int, y: Any, seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """Training and validation rows of each fold: drawn once, classes spread evenly over the folds.

    Raises:
        DataError: When there are more folds than rows.
    """
    if folds > rows:
        raise DataError(f"folds is {folds}, and there are {rows} samples; expected at most one fold a sample")
    order = np.random.default_rng([seed, FOLD_STREAM]).permutation(rows)
    values = y.codes if isinstance(y, Labels) else np.asarray(y)
    single = values.size == rows and (values.dtype.kind != "f" or not (values != np.floor(values)).any())
    if single:
        labels = values.reshape(-1)[order]
        codes = np.unique(labels.astype(str) if labels.dtype.kind == "O" else labels, return_inverse=True)[1]
        order = order[np.argsort(codes.reshape(-1), kind="stable")]
    for fold in range(folds):
        validation = order[fold::folds]
        yield np.setdiff1d(np.arange(rows), validation), np.sort(validation)


def checked_fold(fold: Any, rows: int) -> tuple[IntArray, IntArray]:
    """Training and validation rows of a fold that was passed, as positions.

    Raises:
        DataError: When they are something else.
    """
    parts = [np.asarray(part) for part in fold] if isinstance(fold, (tuple, list)) else []
    if len(parts) != 2 or any(
        part.ndim != 1 or part.dtype.kind not in "iu" or not part.size or not 0 <= part.min() <= part.max() < rows
        for part in parts
    ):
        raise DataError(f"folds has {brief(fold)}; expected (training rows, validation rows), positions below {rows}")
    return parts[0], parts[1]


def rows_of(values: Any, rows: IntArray) -> Any:
    """Some rows of data in memory, in their own type where it has names or classes."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if isinstance(values, Table):
        return values.rows(rows)
    if is_frame(values) or is_column(values):
        return values.take(rows) if hasattr(values, "take") else values[rows]
    return values[rows] if is_sparse(values) or isinstance(values, Labels) else np.asarray(values)[rows]
