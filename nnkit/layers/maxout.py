"""The largest of several columns."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters
from nnkit.interfaces.fields import integer


@final
@attrs.frozen(kw_only=True)
class Maxout(Layer):
    """``y[:, j] = max(x[:, pieces * j], ..., x[:, pieces * j + pieces - 1])``.

    Behind a linear layer it is a maxout unit. At a tie the gradient passes to the first of the largest.

    Args:
        pieces: Columns of input for each column of output, at least 2.

    Source:
        Goodfellow, Warde-Farley, Mirza, Courville & Bengio (2013), "Maxout Networks".

    Example:
        >>> Maxout(pieces=2).forward({}, np.array([[1.0, 3.0, -1.0, -2.0]]), training=False, rng=None)[0]
        array([[ 3., -1.]])
    """

    variants = ({"pieces": 3},)

    pieces: int = integer(2, ge=2)

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, pieces: int) -> Array:
        """One output after the other."""
        return np.array([[max(row[j : j + pieces]) for j in range(0, len(row), pieces)] for row in x.tolist()], x.dtype)

    def outputs(self, inputs: int) -> int:
        return inputs // self.pieces

    def inputs_for(self, outputs: int) -> int:
        return outputs * self.pieces

    def accepts(self, inputs: int) -> str | None:
        return None if inputs % self.pieces == 0 else f"expected a multiple of pieces={self.pieces}"

    def _apart(self, x: Array) -> Array:
        return x.reshape(len(x), x.shape[1] // self.pieces, self.pieces)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        apart = self._apart(x)
        return apart.max(axis=2), apart.argmax(axis=2)[:, :, None] == np.arange(self.pieces)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return self.backward_rows(parameters, cache, grad[:, None])[0][:, 0], {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        spread = np.where(cache[:, None], grads[:, :, :, None], grads.dtype.type(0.0))
        return spread.reshape(*grads.shape[:2], grads.shape[2] * self.pieces), {}
