"""Gated linear units: one half of the columns is multiplied by a function of the other half."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters

__all__ = ["Gated", "logistic"]


def logistic(z: Array) -> Array:
    """``1 / (1 + exp(-z))`` without overflow."""
    half = z.dtype.type(0.5)
    value: Array = half * np.tanh(half * z) + half
    return value


class Gated(Layer):
    """``y = first * second``-like layers with twice as many inputs as outputs, of which authors write ``gated``."""

    __slots__ = ()

    @abstractmethod
    def gated(self, first: Array, second: Array) -> tuple[Array, Array, Array]:
        """The output for both halves, and its derivatives in them."""

    def outputs(self, inputs: int) -> int:
        return inputs // 2

    def inputs_for(self, outputs: int) -> int:
        return 2 * outputs

    def accepts(self, inputs: int) -> str | None:
        return None if inputs % 2 == 0 else "expected an even number, of which one half gates the other"

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        half = x.shape[1] // 2
        y, by_first, by_second = self.gated(x[:, :half], x[:, half:])
        return y, (by_first, by_second)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        by_first, by_second = cache
        return np.concatenate([grad * by_first, grad * by_second], axis=1), {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        by_first, by_second = (slope[:, None] for slope in cache)
        return np.concatenate([grads * by_first, grads * by_second], axis=2), {}
