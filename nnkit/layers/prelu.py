"""Parametric rectified linear unit."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters, ParameterSpec
from nnkit.interfaces.fields import part


@final
@attrs.frozen(kw_only=True)
class PReLU(Layer):
    """``y = x`` where ``x > 0``, else ``slope * x`` with a trained slope for each column.

    The slopes have the role of biases, so that they are not regularized; they begin at 0.25.

    Args:
        slope_initializer: Overrides the start at 0.25.

    Source:
        He, Zhang, Ren & Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification".

    Example:
        >>> PReLU().forward({"slope": np.array([0.25, 0.5])}, np.array([[-2.0, -2.0]]), training=False, rng=None)[0]
        array([[-0.5, -1. ]])
    """

    slope_initializer: Any = part("initializer", {"name": "constant", "value": 0.25})

    @staticmethod
    def reference(parameters: Parameters, x: Array) -> Array:
        """Torch's form: the positive part, and the slope times the negative part."""
        y: Array = np.maximum(x, 0.0) + parameters["slope"] * np.minimum(x, 0.0)
        return y

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return (
            ParameterSpec(
                name="slope", shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer=self.slope_initializer
            ),
        )

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        return np.where(x > 0.0, x, parameters["slope"] * x), x

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        slope = np.einsum("nd,nd->d", grad, np.minimum(cache, 0.0))
        return np.where(cache > 0.0, grad, parameters["slope"] * grad), {"slope": slope}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x = cache[:, None]
        return np.where(x > 0.0, grads, parameters["slope"] * grads), {"slope": grads * np.minimum(x, 0.0)}
