"""Fully connected layer whose weights have a trained length."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, Parameters, ParameterSpec
from nnkit.interfaces.fields import integer, part


@final
@attrs.frozen(kw_only=True)
class WeightNormDense(Layer):
    """``y = x @ weight + bias`` with ``weight = length * direction / ||direction||``, one length for each unit.

    The norm is that of a column of ``direction``, the weights of one unit. ``length`` begins at 1, and is not
    regularized.

    Args:
        units: Number of outputs, a positive integer.
        weight_initializer: Of ``direction``; overrides the network's own.

    Source:
        Salimans & Kingma (2016), "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
        Neural Networks".

    Example:
        >>> parameters = {"direction": np.array([[3.0], [4.0]]), "length": np.array([10.0]), "bias": np.array([0.5])}
        >>> WeightNormDense(1).forward(parameters, np.array([[1.0, 0.0]]), training=False, rng=None)[0]
        array([[6.5]])
    """

    variants = ({"units": 3},)

    units: int = integer(1, ge=1, kw_only=False)
    weight_initializer: Any = part("initializer")

    @staticmethod
    def reference(parameters: Parameters, x: Array) -> Array:
        """Unit by unit."""
        columns = [
            x @ (g * v / np.linalg.norm(v)) + b
            for v, g, b in zip(parameters["direction"].T, parameters["length"], parameters["bias"], strict=True)
        ]
        return np.stack(columns, axis=1)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        def bias(name: str, initializer: Any) -> ParameterSpec:
            return ParameterSpec(
                name=name, shape=(self.units,), fan_in=inputs, fan_out=self.units, role="bias", initializer=initializer
            )

        direction = ParameterSpec(
            name="direction",
            shape=(inputs, self.units),
            fan_in=inputs,
            fan_out=self.units,
            initializer=self.weight_initializer,
        )
        return direction, bias("length", "ones"), bias("bias", None)

    def outputs(self, inputs: int) -> int:
        return self.units

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        norm = np.linalg.norm(parameters["direction"], axis=0)
        unit = parameters["direction"] / norm
        along = x @ unit
        return along * parameters["length"] + parameters["bias"], (x, unit, norm, along)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        x, unit, norm, along = cache
        weight_grad, scale = x.T @ grad, parameters["length"] / norm
        length_grad = (grad * along).sum(axis=0)
        gradients = {"direction": scale * (weight_grad - unit * length_grad), "length": length_grad}
        return grad @ (unit * parameters["length"]).T, gradients | {"bias": grad.sum(axis=0)}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x, unit, norm, along = cache
        scale, lengths = parameters["length"] / norm, grads * along[:, None]
        direction = x[:, None, :, None] * grads[:, :, None, :] - unit * lengths[:, :, None, :]
        gradients = {"direction": scale * direction, "length": lengths, "bias": grads.copy()}
        return grads @ (unit * parameters["length"]).T, gradients
