"""Additive noise."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class GaussianNoise(Layer):
    """``y = x + stddev * noise`` in training, with standard normal ``noise``; ``y = x`` otherwise.

    Args:
        stddev: Standard deviation of the noise, at least 0.

    Raises:
        ValueError: When a training pass has no generator.

    Source:
        Bishop (1995), "Training with Noise is Equivalent to Tikhonov Regularization".

    Example:
        >>> GaussianNoise(stddev=0.5).forward({}, np.ones((1, 2)), training=False, rng=None)[0]
        array([[1., 1.]])
    """

    stochastic = True
    variants = ({"stddev": 0.0}, {"stddev": 1.0})

    stddev: float = real(0.1, ge=0.0, kw_only=False)

    @staticmethod
    def reference(
        parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None = None, stddev: float
    ) -> Array:
        """Element by element, one draw each."""
        if not training or rng is None or stddev == 0.0:
            return x.copy()
        draws = [value + stddev * rng.standard_normal(dtype=x.dtype.type) for value in x.ravel().tolist()]
        return np.array(draws, dtype=x.dtype).reshape(x.shape)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        if not training or self.stddev == 0.0:
            return x.copy(), None
        if rng is None:
            raise ValueError("GaussianNoise draws in training: rng is None; expected a numpy.random.Generator")
        noise = rng.standard_normal(x.shape, dtype=x.dtype.type)
        return x + noise.dtype.type(self.stddev) * noise, None

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return grad.copy(), {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return grads.copy(), {}
