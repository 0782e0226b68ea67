"""Binding a layer: to a workspace that shows what the layer reads without writing it first."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.checks.layer.passes import Situation


@attrs.define
class Workspace:
    """Arrays full of NaN, and scratch that is filled with NaN again between calls."""

    rows: int
    dtype: np.dtype[Any]
    arrays: dict[str, Array] = attrs.field(factory=dict)
    shared: dict[int, Array] = attrs.field(factory=dict)

    def take(self, name: str, columns: int) -> Array:
        return self.arrays.setdefault(name, np.full((self.rows, columns), np.nan, dtype=self.dtype))

    def scratch(self, columns: int) -> Array:
        return self.shared.setdefault(columns, np.full((self.rows, columns), np.nan, dtype=self.dtype))

    def spoil(self) -> None:
        for array in self.shared.values():
            array.fill(np.nan)


def bind(
    one: Situation,
    values: dict[str, Array],
    gradients: dict[str, Array] | None,
    workspace: Workspace | None = None,
    *,
    training: bool,
    needs_grad_x: bool = False,
) -> Any:
    """The layer bound to these arrays; to a generator only where it is bound to gradients."""
    return one.layer.bind(
        values,
        gradients,
        workspace or Workspace(len(one.x), one.subject.dtype),
        inputs=one.x.shape[1],
        training=training,
        needs_grad_x=needs_grad_x,
        rng=None if gradients is None else one.rng,
    )
