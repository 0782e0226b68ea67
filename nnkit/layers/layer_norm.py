"""Layer normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import real
from nnkit.layers._normalizing import normalize_large


@final
@attrs.frozen(kw_only=True)
class LayerNorm(Layer):
    """``y = scale * (x - mean) / sqrt(variance + epsilon) + shift``, each row over its own units.

    The variance is the biased one. Training and prediction are alike. ``scale`` and ``shift``, one
    figure a unit, have the role of biases, so that they are not regularized.

    Args:
        epsilon: Added to the variance, above 0.

    Source:
        Ba, Kiros & Hinton (2016), "Layer Normalization".

    Example:
        >>> parameters = {"scale": np.array([1.0, 10.0]), "shift": np.zeros(2)}
        >>> layer = LayerNorm(epsilon=1e-12)
        >>> layer.forward(parameters, np.array([[1.0, 3.0]]), training=False, rng=None)[0]
        array([[-1., 10.]])
    """

    variants = ({"epsilon": 1e-3},)

    epsilon: float = real(1e-5, gt=0.0)

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, epsilon: float) -> Array:
        """Row by row, each sum without rounding."""
        scale, shift = parameters["scale"].tolist(), parameters["shift"].tolist()
        y = np.empty_like(x)
        for n, row in enumerate(x.tolist()):
            mean = math.fsum(row) / len(row)
            deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in row) / len(row) + epsilon)
            y[n] = [s * (value - mean) / deviation + t for value, s, t in zip(row, scale, shift, strict=True)]
        return y

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        def spec(name: str, initializer: str) -> ParameterSpec:
            return ParameterSpec(name=name, shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer=initializer)

        return spec("scale", "ones"), spec("shift", "zeros")

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite stays so, in silence
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        centered = x - x.mean(axis=1, keepdims=True)
        variance = np.square(centered).mean(axis=1, keepdims=True)
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = centered * inverse
        if not np.isfinite(variance).all():
            normal, inverse, _, _ = normalize_large(x, self.epsilon, axis=1)
        return normal * parameters["scale"] + parameters["shift"], (normal, inverse)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        grad_x, row_gradients = self.backward_rows(parameters, cache, grad[:, None, :])
        return grad_x[:, 0], {name: rows.sum(axis=(0, 1)) for name, rows in row_gradients.items()}

    @np.errstate(over="ignore", invalid="ignore")
    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        normal, inverse = cache[0][:, None, :], cache[1][:, None, :]
        scaled = grads * parameters["scale"]
        along = (scaled * normal).mean(axis=2, keepdims=True)
        grad_x = (scaled - scaled.mean(axis=2, keepdims=True) - normal * along) * inverse
        return grad_x, {"scale": grads * normal, "shift": grads.copy()}

    def bind(
        self,
        parameters: Parameters,
        gradients: Mapping[str, Array] | None,
        workspace: Workspace,
        *,
        inputs: int,
        training: bool,
        needs_grad_x: bool,
        rng: np.random.Generator | None,
    ) -> BoundLayer:
        scale, shift, epsilon = parameters["scale"], parameters["shift"], self.epsilon
        normal, y = workspace.take("normal", inputs), workspace.take("y", inputs)
        inverse, mean = workspace.take("inverse", 1), workspace.take("mean", 1)
        work = workspace.scratch(inputs)
        ones = np.ones(workspace.rows, dtype=workspace.dtype)
        variance = inverse[:, 0]
        averages = np.full((inputs, 1), 1.0 / inputs, dtype=workspace.dtype)
        add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt

        def forward(x: Array) -> Array:
            x.dot(averages, mean)
            subtract(x, mean, normal)
            multiply(normal, normal, work)
            work.dot(averages, inverse)
            overflows = not math.isfinite(ones.dot(variance))
            add(inverse, epsilon, inverse)
            sqrt(inverse, inverse)
            divide(1.0, inverse, inverse)
            multiply(normal, inverse, normal)
            if overflows:
                normal[...], inverse[...], _, _ = normalize_large(x, epsilon, axis=1)
            multiply(normal, scale, y)
            return add(y, shift, y)

        targets = gradients or {name: np.empty(inputs, dtype=workspace.dtype) for name in ("scale", "shift")}
        scale_grad, shift_grad = targets["scale"], targets["shift"]

        def backward(grad: Array) -> Array | None:
            multiply(grad, normal, work)
            ones.dot(work, scale_grad)
            ones.dot(grad, shift_grad)
            if not needs_grad_x:
                return None
            multiply(grad, scale, grad)
            grad.dot(averages, mean)
            multiply(grad, normal, work)
            subtract(grad, mean, grad)
            work.dot(averages, mean)
            multiply(normal, mean, work)
            subtract(grad, work, grad)
            return multiply(grad, inverse, grad)

        # In training all warnings of numpy are off already.
        silent = forward if training else np.errstate(over="ignore", invalid="ignore")(forward)
        return BoundLayer(silent, backward)
