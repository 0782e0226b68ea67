"""Arrays that are allocated once and lent to layers by name."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["LayerWorkspace", "Pool"]


@attrs.define
class Pool:
    """All arrays of one training; a smaller batch gets the first rows of the same memory."""

    rows: int
    dtype: np.dtype[Any]
    _arrays: dict[tuple[int, str], Array] = attrs.field(factory=dict, init=False)
    _scratch: Array | None = attrs.field(default=None, init=False)

    def lend(self, layer: int, name: str, rows: int, columns: int) -> Array:
        """The array ``(rows, columns)`` of this name and layer."""
        whole = self._arrays.get((layer, name))
        if whole is None or whole.shape[1] != columns:
            whole = self._arrays[layer, name] = np.empty((self.rows, columns), dtype=self.dtype)
        return whole[:rows]

    def scratch(self, rows: int, columns: int) -> Array:
        """An array ``(rows, columns)`` that all share."""
        size = self.rows * columns
        if self._scratch is None or self._scratch.size < size:
            self._scratch = np.empty(size, dtype=self.dtype)
        return self._scratch[: rows * columns].reshape(rows, columns)

    def for_layer(self, layer: int, rows: int) -> LayerWorkspace:
        """What one layer sees of the pool, for batches of ``rows``."""
        return LayerWorkspace(self, layer, rows)

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        scratch = 0 if self._scratch is None else self._scratch.nbytes
        return scratch + sum(array.nbytes for array in self._arrays.values())


@attrs.frozen
class LayerWorkspace:
    """A layer's window on the pool (``nnkit.interfaces.Workspace``)."""

    pool: Pool
    layer: int
    rows: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all arrays."""
        return self.pool.dtype

    def take(self, name: str, columns: int) -> Array:
        """An array ``(rows, columns)`` of this layer's own."""
        return self.pool.lend(self.layer, name, self.rows, columns)

    def scratch(self, columns: int) -> Array:
        """An array ``(rows, columns)`` that every layer may write to."""
        return self.pool.scratch(self.rows, columns)
