"""Inputs that stay as they are and become numbers of the training's dtype a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType, IntArray
from nnkit.core.chunks import pieces, window_rows
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike, as_dtype, as_matrix, check_finite, check_shape
from nnkit.data.sparse import SparseRows, is_sparse
from nnkit.errors import DataError
from nnkit.interfaces import DataDescription, Inputs

__all__ = ["ConvertedRows", "as_rows", "check_sparse"]

LARGE = 32 << 20
"""Bytes of a converted copy above which inputs are converted by batches instead."""


@attrs.frozen(eq=False)
class ConvertedRows:
    """An array of another dtype, converted a batch at a time (``RowReader``).

    Args:
        values: ``(M, D)``, C-contiguous.
        dtype: Of the rows that are read.
        rows: Which rows of ``values`` these are, ``(N,)``; ``None`` for all.
    """

    values: Array
    dtype: FloatDType
    rows: IntArray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """``(N, D)``."""
        return len(self), self.values.shape[1]

    def __len__(self) -> int:
        return len(self.values if self.rows is None else self.rows)

    def __getitem__(self, rows: slice | IntArray | list[int]) -> Array:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(self.values[rows if self.rows is None else self.rows[rows]], dtype=self.dtype)

    def empty(self, rows: int) -> Array:
        """A batch of this many rows."""
        return np.empty((rows, self.values.shape[1]), dtype=self.dtype)

    def take(self, indices: IntArray, axis: int, out: Array, mode: str) -> Array:
        """Fill ``out`` with these rows."""
        places = indices if self.rows is None else self.rows[indices]
        np.copyto(out, self.values.take(places, 0, None, "clip"), casting="unsafe")
        return out

    def joined(self, others: Sequence[Any]) -> ConvertedRows:
        """These rows and those of others behind them."""
        every = [rows.values if rows.rows is None else rows.values[rows.rows] for rows in (self, *others)]
        return ConvertedRows(np.concatenate(every), self.dtype)

    def part(self, rows: IntArray) -> ConvertedRows:
        """These rows, without reading them."""
        return attrs.evolve(self, rows=rows if self.rows is None else self.rows[rows])


def as_rows(
    X: DataLike,
    *,
    name: str = "X",
    dtype: FloatDType,
    columns: int | None = None,
    description: DataDescription | None = None,
) -> Inputs:
    """``X`` as ``as_inputs`` gives it, but sparse rows stay sparse, and a large array of another dtype is not copied.

    Raises:
        DataError: As ``as_inputs``.
        ShapeError: Likewise.
    """
    description = description or DataDescription()
    if is_sparse(X):
        sparse = SparseRows.of(X, name, dtype)
        check_shape(sparse.shape, name, columns)
        if not np.isfinite(sparse.data).all():
            raise DataError(f"{name} has values that are not finite in {dtype}: drop or scale those rows first")
        return sparse
    values, names = as_matrix(X, name, columns, description)
    kept = (
        values.size * dtype.itemsize > LARGE
        and values.dtype != dtype
        and values.dtype.isnative
        and values.flags.c_contiguous
        and values.flags.aligned
    )
    if not kept:
        return as_dtype(values, name, dtype, columns=names)
    converted = ConvertedRows(values, dtype)
    for rows in pieces(len(values), window_rows(values.shape[1])) if values.dtype.kind == "f" else ():
        check_finite(converted[rows], name, values[rows], names, first_row=rows.start)
    return converted


def check_sparse(model: Model, x: Inputs, name: str = "X") -> None:
    """Refuse sparse rows where the first layer reads dense ones.

    Raises:
        DataError: Names the layer.
    """
    if isinstance(x, SparseRows) and not model.body[0].sparse_inputs:
        layer = type(model.layers[0]).__name__
        raise DataError(
            f"{name} is sparse, and the first layer, {layer}, reads dense rows: begin with a dense layer, or pass "
            f"{name}.toarray()"
        )
