"""The array types, the letters of their axes, and the few conversions that every floor shares.

Letters: ``N`` samples (always the rows), ``D`` units of a layer, ``K`` outputs, ``P`` parameters,
``R`` residuals. A shape in a docstring is written with these letters and nothing else.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError

__all__ = ["Array", "FloatDType", "IntArray", "to_categorical", "to_labels"]

Array: TypeAlias = npt.NDArray[Any]
"""Any array of floats; the shape and the letters stand in the docstring that uses it."""

IntArray: TypeAlias = npt.NDArray[np.integer[Any]]

FloatDType: TypeAlias = np.dtype[Any]
"""float32 or float64."""


def to_categorical(labels: npt.ArrayLike, classes: int | None = None, *, dtype: Any = np.float64) -> Array:
    """One-hot rows of integer class labels: ``out[n, labels[n]] = 1``, shape ``(N, classes)``.

    Args:
        labels: Non-negative integers (or floats with integer values), shape ``(N,)`` or ``(N, 1)``.
        classes: Number of columns; ``None`` takes the largest label plus one.
        dtype: The type of the result.

    Raises:
        DataError: When a label is not an integer, is negative, or is not below ``classes``.

    Example:
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"labels has shape {values.shape}; expected one label a sample, shape (N,) or (N, 1)")
    if values.dtype == object or values.dtype.kind not in "biuf":
        raise DataError(
            f"labels has dtype {values.dtype}; expected non-negative integers "
            "(numpy.unique(labels, return_inverse=True) makes them from names)"
        )
    indices = values.astype(np.intp)
    if not np.array_equal(indices, values):
        first = int(np.flatnonzero(indices != values)[0])
        raise DataError(f"labels[{first}] is {values[first]}; expected non-negative integers")
    if indices.size and indices.min() < 0:
        first = int(np.flatnonzero(indices < 0)[0])
        raise DataError(f"labels[{first}] is {indices[first]}; expected non-negative integers")
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
