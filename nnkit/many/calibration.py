"""What an ensemble stores of its training rows: errors of rows that were left out, and the ranges of the data."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.chunks import pieces
from nnkit.data.arrays import DataLike
from nnkit.data.table import row_name
from nnkit.errors import DataError, TrainingWarning, warn
from nnkit.inference.fitted import Fitted
from nnkit.interfaces.description import listed

__all__ = ["LeftOut", "Limits"]

VALUES = 1 << 22
"""Numbers that are sorted at a time."""

CONSTANT = 1e-3
"""How far a prediction may be from a target that was constant, relative to it, before that is no rounding."""


def _floats(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)


def _integers(values: Any) -> IntArray:
    return np.asarray(values, dtype=np.int64)


@final
@attrs.frozen(eq=False, kw_only=True)
class LeftOut:
    """Errors of members for rows that they were not trained on, or as if they had not been trained on them.

    Args:
        error: ``prediction - target`` in the units of the targets, ``(R, T)``.
        member: The member that left the row out, ``(R,)``.
        row: The row of training, ``(R,)``; several members may have left it out.

    Raises:
        DataError: When the three do not fit each other.
    """

    error: Array = attrs.field(converter=_floats)
    member: IntArray = attrs.field(converter=_integers)
    row: IntArray = attrs.field(converter=_integers)

    def __attrs_post_init__(self) -> None:
        count = self.error.shape[:1]
        if self.error.ndim != 2 or self.member.shape != count or self.row.shape != count or not len(self.member):
            raise DataError(
                f"errors of shape {self.error.shape} of members of shape {self.member.shape} and rows of shape "
                f"{self.row.shape}"
            )

    def bounds(self, predictions: Array, level: float) -> tuple[Array, Array]:
        """The CV+ bounds ``(N, T)`` from the predictions of each member ``(M, N, T)``.

        With ``r`` errors of each of ``n`` rows the rank is ``r floor((1 - level) (n + 1))``.

        Raises:
            DataError: When the level is out of its range, or needs more rows.
        """
        if not 0.0 < level < 1.0:
            raise DataError(f"level is {level}; expected a coverage in (0, 1)")
        errors, rows = len(self.error), len(np.unique(self.row))
        rank = math.floor((1.0 - level) * (rows + 1) + 1e-9) * errors // rows
        if rank < 1:
            raise DataError(
                f"level={level} needs {math.ceil(level / (1.0 - level)):,} rows that were left out, and there are "
                f"{rows:,}; use a lower level"
            )
        size = np.abs(self.error)
        lower, upper = np.empty_like(predictions[0]), np.empty_like(predictions[0])
        for piece in pieces(predictions.shape[1], max(1, VALUES // size.size)):
            own = predictions[:, piece][self.member]  # (R, n, T)
            lower[piece] = np.partition(own - size[:, None], rank - 1, axis=0)[rank - 1]
            upper[piece] = np.partition(own + size[:, None], errors - rank, axis=0)[errors - rank]
        return lower, upper


@final
@attrs.frozen(eq=False, kw_only=True)
class Limits:
    """The smallest and largest values of training.

    Args:
        input_low: Of each input, ``(D,)``.
        input_high: Likewise.
        target_low: Of each target column, ``(T,)``; empty where targets are classes.
        target_high: Likewise.
    """

    input_low: Array = attrs.field(converter=_floats)
    input_high: Array = attrs.field(converter=_floats)
    target_low: Array = attrs.field(converter=_floats)
    target_high: Array = attrs.field(converter=_floats)

    @classmethod
    def of(cls, x: Array, target: Array) -> Limits:
        """Of inputs ``(N, D)`` and targets ``(N, T)``."""
        return cls(
            input_low=x.min(axis=0),
            input_high=x.max(axis=0),
            target_low=target.min(axis=0),
            target_high=target.max(axis=0),
        )

    def outside(self, x: Array, *, ranges: float = 0.0) -> Array:
        """Which inputs ``(N, D)`` are further outside the values of training than this many of their ranges."""
        reach = ranges * (self.input_high - self.input_low)
        outside: Array = (x < self.input_low - reach) | (x > self.input_high + reach)
        return outside

    def warn_of_inputs(self, network: Fitted, X: DataLike) -> None:
        """Warn of rows with an input that is further outside the values of training than their range."""
        x = network.inputs_from(X)
        far = self.outside(x, ranges=1.0)
        rows = np.flatnonzero(far.any(axis=1))
        if not len(rows):
            return
        row, column = int(rows[0]), int(far[rows[0]].argmax())
        names = network.model.description.features
        name = repr(names[column]) if names else f"column {column}"
        warn(
            f"the inputs of {_rows(rows)} are far outside those of training: {name} of row {row} is "
            f"{x[row, column]:.6g}, and was {self.input_low[column]:.6g} to "
            f"{self.input_high[column]:.6g}; the predictions for these rows are extrapolations",
            TrainingWarning,
        )

    @property
    def target_bounds(self) -> tuple[Array, Array]:
        """``min - range`` and ``max + range`` of each target column, ``(T,)``; empty where targets are classes."""
        reach = self.target_high - self.target_low
        return self.target_low - reach, self.target_high + reach

    def clipped(self, prediction: Array) -> Array:
        """The prediction within ``[min - range, max + range]`` of the targets; warns where it was not.

        A target that was constant is predicted as that value; the warning begins at a thousandth of it, or of 1.

        Example:
            >>> limits = Limits.of(np.zeros((2, 1)), np.array([[0.0], [1.0]]))
            >>> limits.clipped(np.array([[0.5], [-1.0]])).T
            array([[ 0.5, -1. ]])
        """
        if self.target_low.shape != prediction.shape[1:]:
            return prediction
        low, high = self.target_bounds
        slack = np.where(low < high, 0.0, CONSTANT * np.maximum(np.abs(low), 1.0))
        far = (prediction < low - slack) | (prediction > high + slack)
        rows = np.flatnonzero(far.any(axis=1))
        if not len(rows):
            return np.clip(prediction, low, high)
        row = int(rows[0])
        column = int(far[row].argmax())
        warn(
            f"the predictions for {_rows(rows)} are far outside the targets of training: "
            f"{prediction[row, column]:.6g} for row {row}, where these were {self.target_low[column]:.6g} "
            f"to {self.target_high[column]:.6g}; they are "
            f"replaced by the nearer of {low[column]:.6g} and {high[column]:.6g}",
            TrainingWarning,
        )
        return np.clip(prediction, low, high)


def _rows(rows: Array) -> str:
    if len(rows) == 1:
        return row_name(rows[0])
    return f"{len(rows)} rows ({listed(map(str, rows.tolist()))}; counted from 0)"
