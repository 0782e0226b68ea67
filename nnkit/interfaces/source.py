"""Inputs that are converted when they are used, and data that are read window by window."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from nnkit.arrays import Array, FloatDType, IntArray

__all__ = ["Inputs", "RowReader", "TrainingData"]


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

    def part(self, rows: IntArray) -> RowReader:
        """These rows, without reading them."""


Inputs: TypeAlias = Array | RowReader
"""Inputs ``(N, D)`` of a training."""

TrainingData: TypeAlias = tuple[Inputs, Array, Array | None]
"""Inputs, targets and weights as the loss sees them."""
