"""Inputs that are converted when they are used, and data that are read window by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from nnkit.arrays import Array, FloatDType, IntArray

__all__ = ["Inputs", "RowReader", "Source", "TrainingData"]


class RowReader(Protocol):
    """Inputs ``(N, D)`` in memory that become numbers of the training's dtype a few rows at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(N, D)``."""

    @property
    def dtype(self) -> FloatDType:
        """The dtype of the rows that are read."""

    def __len__(self) -> int:
        """``N``."""

    def __getitem__(self, rows: slice | IntArray | list[int]) -> Any:
        """These rows, as the first layer accepts them."""

    def empty(self, rows: int) -> Any:
        """A batch of this many rows, for ``take`` to fill."""

    def take(self, indices: IntArray, axis: int, out: Any, mode: str) -> Any:
        """Fill ``out`` with these rows; the arguments are those of ``numpy.ndarray.take``, ``axis`` is 0."""

    def joined(self, others: Sequence[Any]) -> RowReader:
        """These rows and those of others behind them."""

    def part(self, rows: IntArray) -> RowReader:
        """These rows, without reading them."""


Inputs: TypeAlias = Array | RowReader
"""Inputs ``(N, D)`` of a training."""

TrainingData: TypeAlias = tuple[Inputs, Array, Array | None]
"""Inputs, targets and weights as the loss sees them."""


class Source(Protocol):
    """Training data that are read window by window, converted and checked then.

    Attributes:
        samples: Rows of one epoch.
        window: Rows of a window; the last may have fewer.
        columns: ``D``.
        seekable: Whether windows may be read in any order at no cost.
        weight_scale: What the weights are divided by, one after the other, so that their mean is 1: the largest, and
            the mean of what results; ``None`` without weights.
        checksum: Of the data, or of the first window of those that are read once in an epoch.
    """

    @property
    def samples(self) -> int:
        """Rows of one epoch."""

    @property
    def window(self) -> int:
        """Rows of a window."""

    @property
    def columns(self) -> int:
        """``D``."""

    @property
    def seekable(self) -> bool:
        """Whether windows may be read in any order at no cost."""

    @property
    def weight_scale(self) -> tuple[float, float] | None:
        """The largest weight, and the mean of the weights divided by it."""

    @property
    def checksum(self) -> str:
        """Tells these data apart from others."""

    def read(self, epoch: int, start: int, stop: int) -> TrainingData:
        """The rows ``start`` to ``stop`` of an epoch, counted from the first of the run.

        Raises:
            DataError: When they cannot be used, or are not there.
        """

    def apart(self) -> Source:
        """The same data with a position of its own, where reading has one."""
