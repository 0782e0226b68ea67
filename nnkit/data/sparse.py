"""Sparse rows (CSR), recognized by their attributes: multiplied as they are, never made dense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType, IntArray
from nnkit.errors import DataError, ShapeError

__all__ = ["SparseRows", "is_sparse"]

ATTRIBUTES = ("indptr", "indices", "data", "shape")


def is_sparse(values: object) -> bool:
    """Whether ``values`` is a sparse matrix of any format, of scipy or one that looks like it."""
    return hasattr(values, "tocsr") or all(hasattr(values, name) for name in ATTRIBUTES)


@attrs.define(eq=False)
class SparseRows:
    """``N`` rows of which only the numbers that are not 0 are stored (``RowReader``); also a batch of them.

    A layer multiplies it as an array: ``x.dot(weight, z)``, ``x @ weight``, ``x.T.dot(grad, gradient)``.

    Args:
        data: The numbers, row after row.
        indices: The column of each number.
        indptr: Row ``n`` has the numbers ``indptr[n]`` to ``indptr[n + 1]``, ``(N + 1,)``.
        columns: ``D``.

    Example:
        >>> x = SparseRows(np.array([2.0, 3.0]), np.array([1, 0]), np.array([0, 1, 1, 2]), 2)
        >>> x @ np.array([[1.0], [10.0]])
        array([[20.],
               [ 0.],
               [ 3.]])
    """

    data: Array
    indices: IntArray
    indptr: IntArray
    columns: int

    @classmethod
    def of(cls, values: Any, name: str, dtype: FloatDType) -> Self:
        """The rows of a CSR matrix, its numbers in ``dtype``; for the check of finite numbers see ``as_rows``.

        Raises:
            DataError: For another format, or arrays that do not belong together.
            ShapeError: When it has not two dimensions.
        """
        stored = getattr(values, "format", "csr")
        if stored != "csr" or not all(hasattr(values, attribute) for attribute in ATTRIBUTES):
            raise DataError(f"{name} is a sparse matrix in the format {stored!r}; expected rows: pass {name}.tocsr()")
        shape = tuple(values.shape)
        if len(shape) != 2:
            raise ShapeError(f"{name} is sparse with shape {shape}; expected (N, D), one row a sample")
        numbers, indices, indptr = (
            np.asarray(getattr(values, attribute)) for attribute in ("data", "indices", "indptr")
        )
        if numbers.dtype.kind not in "biuf":
            raise DataError(f"{name} holds values of dtype {numbers.dtype}; expected numbers (bool, int or float)")
        rows, columns = map(int, shape)
        integral = indices.dtype.kind in "iu" and indptr.dtype.kind in "iu"
        if not integral or indptr.shape != (rows + 1,) or numbers.shape != indices.shape or numbers.ndim != 1:
            raise DataError(f"{name} is no CSR matrix of shape {shape}: its indptr, indices and data do not fit")
        stop = int(indptr[-1])
        in_order = indptr[0] == 0 and stop <= len(numbers) and bool((indptr[1:] >= indptr[:-1]).all())
        if not in_order or (stop and not 0 <= indices[:stop].min() <= indices[:stop].max() < columns):
            raise DataError(
                f"{name} is a damaged CSR matrix: indptr falls, or an index is outside of {columns} columns"
            )
        with np.errstate(over="ignore"):
            return cls(numbers[:stop].astype(dtype, copy=False), indices[:stop], indptr.astype(np.intp), columns)

    @property
    def shape(self) -> tuple[int, int]:
        """``(N, D)``."""
        return len(self), self.columns

    @property
    def dtype(self) -> FloatDType:
        """The dtype of the numbers."""
        return self.data.dtype

    @property
    def T(self) -> Transposed:  # noqa: N802  # the name that arrays have
        """The transposed matrix, for products."""
        return Transposed(self)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice | IntArray | list[int]) -> SparseRows:
        if isinstance(rows, slice) and rows.step in {None, 1}:
            start, stop, _ = rows.indices(len(self))
            places = self.indptr[start : max(start, stop) + 1]
            numbers = slice(places[0], places[-1])
            return SparseRows(self.data[numbers], self.indices[numbers], places - places[0], self.columns)
        return self.part(np.arange(len(self))[rows])

    def joined(self, others: Sequence[Any]) -> SparseRows:
        """These rows and those of others behind them."""
        every = [self, *others]
        indptr = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(rows.indptr) for rows in every]))])
        data, indices = np.concatenate([x.data for x in every]), np.concatenate([x.indices for x in every])
        return SparseRows(data, indices, indptr, self.columns)

    def part(self, rows: IntArray) -> SparseRows:
        """These rows."""
        starts = self.indptr[rows]
        lengths = self.indptr[rows + 1] - starts
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return SparseRows(self.data[places], self.indices[places], indptr, self.columns)

    def empty(self, rows: int) -> SparseRows:
        """A batch of this many rows without numbers."""
        return SparseRows(self.data[:0], self.indices[:0], np.zeros(rows + 1, dtype=np.intp), self.columns)

    def take(self, indices: IntArray, axis: int, out: SparseRows, mode: str) -> SparseRows:
        """Fill ``out`` with these rows."""
        rows = self.part(indices)
        out.data, out.indices, out.indptr = rows.data, rows.indices, rows.indptr
        return out

    def dot(self, dense: Array, out: Array | None = None) -> Array:
        """``self @ dense``, ``(N, K)``."""
        products = dense[self.indices]
        products *= self.data[:, None]
        product = np.empty((len(self), dense.shape[1]), dtype=products.dtype) if out is None else out
        product[...] = 0.0
        filled = self.indptr[1:] > self.indptr[:-1]
        if filled.any():
            product[filled] = np.add.reduceat(products, self.indptr[:-1][filled], axis=0)
        return product

    __matmul__ = dot


@attrs.frozen(eq=False)
class Transposed:
    """The transposed matrix of sparse rows."""

    rows: SparseRows

    def dot(self, dense: Array, out: Array | None = None) -> Array:
        """``rows.T @ dense``, ``(D, K)``."""
        x = self.rows
        products = dense[np.repeat(np.arange(len(x)), np.diff(x.indptr))]
        products *= x.data[:, None]
        product = np.empty((x.columns, dense.shape[1]), dtype=products.dtype) if out is None else out
        product[...] = 0.0
        if len(products):
            order = np.argsort(x.indices, kind="stable")
            columns = x.indices[order]
            starts = np.flatnonzero(np.concatenate([[True], columns[1:] != columns[:-1]]))
            product[columns[starts]] = np.add.reduceat(products[order], starts, axis=0)
        return product

    __matmul__ = dot
