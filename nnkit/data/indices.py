"""Inputs that are indices: checked before training and prediction."""

from __future__ import annotations

import numpy as np

from nnkit.core.chunks import pieces, window_rows
from nnkit.core.model import Model
from nnkit.errors import DataError
from nnkit.interfaces import Inputs

__all__ = ["checked_indices"]


def checked_indices(model: Model, x: Inputs, name: str = "X") -> Inputs:
    """``x`` ``(N, D)``, whose columns that the first layer reads as indices are integers in its range.

    Raises:
        DataError: Names the first value that is not.
    """
    layer = model.body[0]
    indices = layer.index_columns(model.inputs)
    if not indices or not len(x):
        return x
    columns = np.array(list(indices))
    limits = np.array([np.inf if count is None else count for count in indices.values()])
    for rows in pieces(len(x), window_rows(model.inputs)):
        values = x[rows][:, columns]
        wrong = (values != np.floor(values)) | (values < 0) | (values >= limits)
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            column, count = columns[place], list(indices.values())[place]
            below = "" if count is None else f" below {count}"
            raise DataError(
                f"{name}[{rows.start + row}, {column}] is {values[row, place]:g}; {type(layer).__name__} reads column "
                f"{column} as an index: expected a non-negative integer{below}"
            )
    return x
