"""Normalization of groups of columns."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters, ParameterSpec
from nnkit.interfaces.fields import integer, real
from nnkit.layers._normalizing import normalize_large


@final
@attrs.frozen(kw_only=True)
class GroupNorm(Layer):
    """``y = scale * (x - mean) / sqrt(variance + epsilon) + shift``, within each group of columns of a row.

    Mean and (biased) variance are those of the row's own columns of the group. ``scale`` and ``shift`` are one number
    a column and have the role of biases, so that they are not regularized.

    Args:
        groups: Number of groups of equally many neighbouring columns, a positive integer.
        epsilon: Added to the variance, above 0.

    Source:
        Wu & He (2018), "Group Normalization".

    Example:
        >>> parameters = {"scale": np.ones(4), "shift": np.zeros(4)}
        >>> x = np.array([[1.0, 3.0, 10.0, 30.0]])
        >>> GroupNorm(groups=2, epsilon=1e-12).forward(parameters, x, training=False, rng=None)[0].round(6)
        array([[-1.,  1., -1.,  1.]])
    """

    variants = ({"groups": 2, "epsilon": 1e-3},)

    groups: int = integer(1, ge=1)
    epsilon: float = real(1e-5, gt=0.0)

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, groups: int, epsilon: float) -> Array:
        """Group after group."""
        parts = np.split(x, groups, axis=1)
        normal = [(p - p.mean(1, keepdims=True)) / np.sqrt(p.var(1, keepdims=True) + epsilon) for p in parts]
        return np.concatenate(normal, axis=1) * parameters["scale"] + parameters["shift"]

    def accepts(self, inputs: int) -> str | None:
        return None if inputs % self.groups == 0 else f"expected a multiple of groups={self.groups}"

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        def spec(name: str, initializer: str) -> ParameterSpec:
            return ParameterSpec(name=name, shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer=initializer)

        return spec("scale", "ones"), spec("shift", "zeros")

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite stays so, in silence
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        apart = x.reshape(len(x), self.groups, x.shape[1] // self.groups)
        centered = apart - apart.mean(axis=2, keepdims=True)
        variance = np.square(centered).mean(axis=2, keepdims=True)
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = centered * inverse
        if not np.isfinite(variance).all():
            normal, inverse, _, _ = normalize_large(apart, self.epsilon, axis=2)
        return normal.reshape(x.shape) * parameters["scale"] + parameters["shift"], (normal, inverse)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        grad_x, gradients = self.backward_rows(parameters, cache, grad[:, None])
        return grad_x[:, 0], {name: rows.sum(axis=(0, 1)) for name, rows in gradients.items()}

    @np.errstate(over="ignore", invalid="ignore")
    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        normal, inverse = (array[:, None] for array in cache)
        scaled = (grads * parameters["scale"]).reshape(*grads.shape[:2], *normal.shape[2:])
        along = (scaled * normal).mean(axis=3, keepdims=True)
        grad_x = (scaled - scaled.mean(axis=3, keepdims=True) - normal * along) * inverse
        flat = normal.reshape(len(grads), 1, grads.shape[2])
        return grad_x.reshape(grads.shape), {"scale": grads * flat, "shift": grads.copy()}
