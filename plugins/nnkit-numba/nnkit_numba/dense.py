"""The compiled counterpart of dense: bias and activation in one pass, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.activations.softmax import Softmax
from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.activation import Activation
from nnkit.interfaces.fields import flag, integer, part
from nnkit.layers.dense import Dense
from nnkit.layers.dropout import Dropout
from nnkit.layers.gaussian_noise import GaussianNoise
from nnkit_numba import blas
from nnkit_numba.compiling import compiled
from nnkit_numba.elementwise import NONE, RELU, SOFTMAX
from nnkit_numba.kernels import add_bias
from nnkit_numba.kernels import backward as backward_kernel
from nnkit_numba.prediction import PackedLayer, predicting
from nnkit_numba.row_gradients import forward_rows, write_row_gradients
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.shared_dense import KINDS, bind_shared, worthwhile
from nnkit_numba.traced_activation import traced_layer

IDENTITIES = (Dropout, GaussianNoise)
"""Layers that return their input in inference."""


@final
@attrs.frozen
class CompiledDense(Layer):
    """``dense`` with as few passes over its arrays as it can do with; the products are numpy's.

    Compiled for ``relu``, ``tanh``, ``sigmoid`` and no activation. The derivatives of the two in the
    middle are taken from ``a``: exact to some eps of their largest value, not in the far tails.

    Source:
        As ``dense``.

    Example:
        >>> x = np.array([[1.0, 2.0]])
        >>> parameters = {"weight": np.array([[1.0], [10.0]]), "bias": np.array([0.5])}
        >>> CompiledDense(1).forward(parameters, x, training=False, rng=None)[0]
        array([[21.5]])
    """

    variants = (
        {"units": 3},
        {"units": 2, "activation": "tanh"},
        {"units": 2, "activation": "sigmoid"},
        {"units": 3, "activation": "relu"},
        {"units": 3, "activation": "log_softmax"},
        {"units": 3, "activation": "relu", "use_bias": False},
    )
    reference = Dense.reference

    units: int = integer(1, ge=1, kw_only=False)
    activation: Any = part("activation", kw_only=False)
    use_bias: bool = flag(default=True)
    weight_initializer: Any = part("initializer")
    bias_initializer: Any = part("initializer")
    weight_regularizer: Any = part("regularizer")
    bias_regularizer: Any = part("regularizer")

    @property
    def plain(self) -> Dense:
        """The plain layer."""
        return as_fields_of(Dense, self)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return self.plain.parameter_specs(inputs)

    def outputs(self, inputs: int) -> int:
        return self.units

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        kind = KINDS.get(type(self.activation))
        found = None if kind is None else forward_rows(x, parameters["weight"], parameters.get("bias"), kind)
        if found is None:
            return self.plain.forward(parameters, x, training=training, rng=rng)
        z, a = found
        return a, (x, z, a)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return self.plain.backward(parameters, cache, grad)

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return self.plain.backward_rows(parameters, cache, grads)

    def backward_rows_into(
        self, parameters: Parameters, cache: Any, grads: Array, out: Mapping[str, Array], *, needs_grad_x: bool
    ) -> Array | None:
        kind = KINDS.get(type(self.activation))
        x, _, a = cache
        weight = parameters["weight"]
        done = None if kind is None else write_row_gradients(x, a, weight, grads, kind, out, needs_grad_x=needs_grad_x)
        if done is None:
            return self.plain.backward_rows_into(parameters, cache, grads, out, needs_grad_x=needs_grad_x)
        return done[0]

    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        return self.plain.forward_tangent(parameters, cache, directions, x_tangent)

    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        return self.plain.backward_tangent(parameters, cache, directions, tangent_cache, grad, grad_tangent)

    def preactivation(self, cache: Any) -> Array | None:
        return self.plain.preactivation(cache)

    def split(self) -> tuple[Layer, Activation | None]:
        bare, activation = self.plain.split()
        return as_fields_of(CompiledDense, bare), activation

    def pack(
        self, following: Sequence[Layer], head: Activation | None, parameters: Sequence[Parameters], *, live: bool
    ) -> Callable[[Array], Array | None] | None:
        if not live and not all(np.isfinite(array).all() for arrays in parameters for array in arrays.values()):
            return None  # zeros are skipped, and zero times infinity is NaN
        layers: list[PackedLayer] = []
        for layer, own in zip((self, *following), parameters, strict=True):
            if type(layer) in IDENTITIES:
                continue
            kind = KINDS.get(type(layer.activation)) if isinstance(layer, CompiledDense) else None
            if kind is None:
                return None
            layers.append(PackedLayer(own["weight"], own.get("bias"), kind))
        if isinstance(head, Softmax):
            return predicting(layers, SOFTMAX, live=live)
        kind = KINDS.get(type(head))
        if kind is None:
            return None
        return predicting([*layers[:-1], attrs.evolve(layers[-1], kind=kind)], NONE, live=live)

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
        bound = None
        if gradients is not None and worthwhile(workspace.rows, inputs, self.units):
            bound = bind_shared(self.activation, parameters, gradients, workspace, needs_grad_x=needs_grad_x)
        elif gradients is not None and self.use_bias and type(self.activation) in KINDS:
            grad_x = workspace.take("grad_x", inputs) if needs_grad_x else None
            z = workspace.take("z", self.units)
            bound = _bind(self.activation, parameters, gradients, z, workspace.scratch(self.units), grad_x)
        return bound or self.plain.bind(
            parameters,
            gradients,
            workspace,
            inputs=inputs,
            training=training,
            needs_grad_x=needs_grad_x,
            rng=rng,
        )


def _bind(
    activation: Activation | None,
    parameters: Parameters,
    gradients: Mapping[str, Array],
    z: Array,
    work: Array,
    grad_x: Array | None,
) -> BoundLayer | None:
    """Both directions with compiled passes; ``None`` when they cannot be compiled."""
    weight, bias = parameters["weight"], parameters["bias"]
    weight_grad, bias_grad = gradients["weight"], gradients["bias"]
    kind = KINDS[type(activation)]
    shift = compiled(add_bias, z, bias, kind)
    if shift is None or compiled(backward_kernel, z, z, bias_grad, kind) is None:
        return None
    forward_into = None if activation is None or kind in {NONE, RELU} else activation.forward_into
    weight_transposed = weight.T
    seen = z

    def forward(x: Array) -> Array:
        nonlocal seen
        seen = x
        x.dot(weight, z)
        shift(z, bias, kind)
        if forward_into is not None:
            forward_into(z, z, work)
        return z

    def backward(grad: Array) -> Array | None:
        # A layer of another package may have allocated this array: the kernel checks its type.
        backward_kernel(z, grad, bias_grad, kind)
        seen.T.dot(grad, weight_grad)
        if grad_x is not None:
            grad.dot(weight_transposed, grad_x)
        return grad_x

    return BoundLayer(forward, backward)


def compiled_dense(layer: Dense) -> Dense | CompiledDense | None:
    """The counterpart of ``layer``, where its products or its activation are compiled."""
    with_loops = traced_layer(layer)
    if blas.available() or (layer.use_bias and type(layer.activation) in KINDS):
        return as_fields_of(CompiledDense, with_loops or layer)
    return with_loops
