"""The array types, the letters of their axes, and the few conversions that every floor shares.

Letters: ``N`` samples (always the rows), ``D`` units of a layer, ``K`` outputs, ``P`` parameters,
``R`` residuals. A shape in a docstring is written with these letters and nothing else.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError

__all__ = ["Array", "IntArray", "to_categorical", "to_labels"]

Array: TypeAlias = npt.NDArray[Any]
"""Any array of floats; the shape and the letters stand in the docstring that uses it."""

IntArray: TypeAlias = npt.NDArray[np.integer[Any]]


def to_categorical(labels: npt.ArrayLike, classes: int | None = None, *, dtype: Any = np.float64) -> Array:
    """One-hot rows of integer class labels: ``out[n, labels[n]] = 1``, shape ``(N, classes)``.

    Args:
        labels: Integers (or floats with integer values) from 0 on, shape ``(N,)`` or ``(N, 1)``.
        classes: Number of columns; ``None`` takes the largest label plus one.
        dtype: The type of the result.

    Raises:
        DataError: When a label is not a whole number, is negative, or is not below ``classes``.

    Example:
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    given = np.asarray(labels)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise DataError(f"labels has shape {given.shape}; expected one label a sample, shape (N,) or (N, 1)")
    if given.dtype == object or given.dtype.kind not in "biuf":
        raise DataError(
            f"labels has dtype {given.dtype}; expected whole numbers from 0 on "
            "(numpy.unique(labels, return_inverse=True) makes them from names)"
        )
    indices = given.astype(np.intp)
    if not np.array_equal(indices, given):
        first = int(np.flatnonzero(indices != given)[0])
        raise DataError(f"labels[{first}] is {given[first]!r}; expected whole numbers from 0 on")
    if indices.size and indices.min() < 0:
        first = int(np.flatnonzero(indices < 0)[0])
        raise DataError(f"labels[{first}] is {indices[first]}; expected whole numbers from 0 on")
    columns = (int(indices.max()) + 1 if indices.size else 0) if classes is None else int(classes)
    if indices.size and indices.max() >= columns:
        first = int(np.flatnonzero(indices >= columns)[0])
        raise DataError(f"labels[{first}] is {indices[first]}; with {columns} classes expected 0 to {columns - 1}")
    rows = np.zeros((indices.size, columns), dtype=dtype)
    rows[np.arange(indices.size), indices] = 1
    return rows


def to_labels(values: Array) -> IntArray:
    """Class labels of predictions or targets in any of their forms, shape ``(N,)``.

    Integers ``(N,)`` are labels already; one column is thresholded at 0.5; several columns give
    the position of the largest.

    Example:
        >>> to_labels(np.array([[0.2, 0.8], [0.9, 0.1]]))
        array([1, 0])
        >>> to_labels(np.array([[0.2], [0.9]]))
        array([0, 1])
    """
    if values.ndim == 1 and values.dtype.kind in "iu":
        return values
    if values.ndim == 1 or values.shape[1] == 1:
        return (values.reshape(-1) > 0.5).astype(np.intp)
    labels: IntArray = values.argmax(axis=1)
    return labels
