"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Elementwise, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import flag, integer, part
from nnkit.layers._activated import Activated


@final
@attrs.frozen
class Dense(Activated):
    """``z = x @ weight + bias``, ``a = activation(z)``.

    Args:
        units: Number of outputs ``D``, a positive integer.
        activation: Name, spec or instance; ``None`` is the identity.
        use_bias: Whether there is a bias.
        weight_initializer: Overrides the network's own.
        bias_initializer: Overrides the network's own.
        weight_regularizer: Overrides the network's own.
        bias_regularizer: Without one, biases are not regularized.

    Source:
        Rosenblatt (1958), "The Perceptron"; the backward pass is that of Rumelhart, Hinton &
        Williams (1986), "Learning Representations by Back-Propagating Errors".

    Example:
        >>> x = np.array([[1.0, 2.0]])
        >>> parameters = {"weight": np.array([[1.0], [10.0]]), "bias": np.array([0.5])}
        >>> y, cache = Dense(1).forward(parameters, x, training=False, rng=None)
        >>> y
        array([[21.5]])
    """

    sparse_inputs = True
    variants = ({"units": 3}, {"units": 2, "activation": "tanh"}, {"units": 3, "activation": "log_softmax"})

    units: int = integer(1, ge=1, kw_only=False)
    activation: Any = part("activation", kw_only=False)
    use_bias: bool = flag(default=True)
    weight_initializer: Any = part("initializer")
    bias_initializer: Any = part("initializer")
    weight_regularizer: Any = part("regularizer")
    bias_regularizer: Any = part("regularizer")

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, activation: Any) -> Array:
        """The sums written out, unit by unit."""
        z = np.stack([(x * column).sum(axis=1) for column in parameters["weight"].T], axis=1)
        z = z + parameters.get("bias", 0.0)
        y: Array = z if activation is None else activation.forward(z)
        return y

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        weight = ParameterSpec(
            name="weight",
            shape=(inputs, self.units),
            fan_in=inputs,
            fan_out=self.units,
            initializer=self.weight_initializer,
            regularizer=self.weight_regularizer,
        )
        bias = ParameterSpec(
            name="bias",
            shape=(self.units,),
            fan_in=inputs,
            fan_out=self.units,
            role="bias",
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
        )
        return (weight, bias) if self.use_bias else (weight,)

    def outputs(self, inputs: int) -> int:
        return self.units

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        activation = self._resolved()
        z = x @ parameters["weight"]
        if self.use_bias:
            z += parameters["bias"]
        a = z if activation is None else activation.forward(z)
        return a, (x, z, a)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        x, z, a = cache
        activation = self._resolved()
        grad_z = grad if activation is None else activation.vjp(z, a, grad)
        gradients = {"weight": x.T @ grad_z}
        if self.use_bias:
            gradients["bias"] = grad_z.sum(axis=0)
        return grad_z @ parameters["weight"].T, gradients

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x, z, a = cache
        grads = self._through_activation(z, a, grads)
        gradients = {"weight": x[:, None, :, None] * grads[:, :, None, :]}
        if self.use_bias:
            gradients["bias"] = grads.copy()
        return grads @ parameters["weight"].T, gradients

    def backward_rows_into(
        self, parameters: Parameters, cache: Any, grads: Array, out: Mapping[str, Array], *, needs_grad_x: bool
    ) -> Array | None:
        x, z, a = cache
        grads = self._through_activation(z, a, grads)
        weight, right = out["weight"], grads
        if abs(weight.strides[0]) < abs(weight.strides[-1]):
            # Factors in the memory order of what they are multiplied into: the inner loop then runs along memory.
            left, right = np.asfortranarray(x), np.asfortranarray(grads)
            np.multiply(left[:, None, :, None], right[:, :, None, :], out=weight)
        else:
            # Runs of a few units: einsum begins each in half the time that a ufunc takes.
            for k in range(grads.shape[1]):
                np.einsum("ni,nj->nij", x, grads[:, k], out=weight[:, k])
        if self.use_bias:
            np.copyto(out["bias"], right)
        if not needs_grad_x:
            return None
        rows, seeds, units = grads.shape
        return (grads.reshape(-1, units) @ parameters["weight"].T).reshape(rows, seeds, x.shape[1])

    def _through_activation(self, z: Array, a: Array, grads: Array) -> Array:
        """Each ``grads[:, k]`` ``(N, D)`` back through the activation."""
        activation = self._resolved()
        if activation is None:
            return grads
        if isinstance(activation, Elementwise):
            scaled: Array = grads * activation.derivative(z, a)[:, None, :]
            return scaled
        return np.stack([activation.vjp(z, a, grads[:, k]) for k in range(grads.shape[1])], axis=1)

    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        x, z, a = cache
        activation = self._resolved()
        z_tangent = x @ directions["weight"]
        z_tangent += x_tangent @ parameters["weight"]
        if self.use_bias:
            z_tangent += directions["bias"]
        y_tangent = z_tangent if activation is None else activation.jvp(z, a, z_tangent)
        return y_tangent, (x_tangent, z_tangent)

    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        x, z, a = cache
        x_tangent, z_tangent = tangent_cache
        activation = self._resolved()
        if activation is not None:
            bend = activation.vjp_derivative(z, a, grad, z_tangent)
            grad_tangent = activation.vjp(z, a, grad_tangent) + bend
            grad = activation.vjp(z, a, grad)
        gradients = {"weight": x.T @ grad_tangent + x_tangent.T @ grad}
        if self.use_bias:
            gradients["bias"] = grad_tangent.sum(axis=0)
        return grad_tangent @ parameters["weight"].T + grad @ directions["weight"].T, gradients

    def preactivation(self, cache: Any) -> Array | None:
        z: Array = cache[1]
        return z

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
        activation = self._resolved()
        weight = parameters["weight"]
        bias = parameters["bias"] if self.use_bias else None
        z = workspace.take("z", self.units)
        # A part that reads only `a` on the way back lets `a` overwrite `z`: one array less to stream.
        a = z if activation is None or not activation.uses_z else workspace.take("a", self.units)
        work = workspace.scratch(self.units)
        seen = z
        add = np.add
        forward_into = None if activation is None else activation.forward_into

        def forward(x: Array) -> Array:
            nonlocal seen
            seen = x
            x.dot(weight, z)
            if bias is not None:
                add(z, bias, z)
            if forward_into is not None:
                forward_into(z, a, work)
            return a

        if gradients is None:
            return BoundLayer(forward, _forward_only)
        weight_grad = gradients["weight"]
        bias_grad = gradients["bias"] if self.use_bias else None
        weight_transposed = weight.T
        grad_x = workspace.take("grad_x", inputs) if needs_grad_x else None
        ones = np.ones(workspace.rows, dtype=workspace.dtype)
        vjp_into = None if activation is None else activation.vjp_into

        def backward(grad: Array) -> Array | None:
            if vjp_into is not None:
                vjp_into(z, a, grad, grad, work)
            seen.T.dot(grad, weight_grad)
            if bias_grad is not None:
                ones.dot(grad, bias_grad)
            if grad_x is not None:
                grad.dot(weight_transposed, grad_x)
            return grad_x

        return BoundLayer(forward, backward)


def _forward_only(grad: Array) -> Array | None:
    raise RuntimeError("this layer was bound for inference alone")
