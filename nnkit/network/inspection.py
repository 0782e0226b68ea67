"""What a network's Jacobians are asked for with: data in, checked, to the core and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnkit.arrays import Array
from nnkit.core import jacobians, trace
from nnkit.core.step import Vectors
from nnkit.data.arrays import as_inputs, as_weights
from nnkit.data.targets import as_targets
from nnkit.errors import DataError

if TYPE_CHECKING:
    from nnkit.network.network import Network

__all__ = ["input_jacobian", "layer_traces", "parameter_jacobian", "per_sample_gradients"]


def input_jacobian(network: Network, X: Any) -> Array:
    """``(N, K, D_in)``; see ``Network.jacobian``."""
    return jacobians.input_jacobian(network.model, network.parameters, network.buffers, _inputs(network, X))


def parameter_jacobian(network: Network, X: Any) -> Array:
    """``(N, K, P)``; see ``Network.parameter_jacobian``."""
    return jacobians.parameter_jacobian(network.model, network.parameters, network.buffers, _inputs(network, X))


def per_sample_gradients(network: Network, X: Any, y: Any) -> Array:
    """``(N, P)``; see ``Network.per_sample_gradients``."""
    x, parameters = _inputs(network, X), network.parameters
    target = as_targets(y, network.loss, dtype=parameters.dtype, outputs=network.outputs, samples=len(x))
    return jacobians.per_sample_gradients(network.model, parameters, network.buffers, x, target)


def layer_traces(network: Network, X: Any, y: Any, sample_weight: Any) -> list[trace.LayerTrace]:
    """One for each layer; see ``Network.trace``."""
    x, parameters = _inputs(network, X), network.parameters
    vectors = Vectors(parameters, None, network.buffers)
    if y is None:
        if sample_weight is not None:
            raise DataError("sample_weight was given without targets; pass y as well")
        return trace.trace(network.model, vectors, x)
    target = as_targets(y, network.loss, dtype=parameters.dtype, outputs=network.outputs, samples=len(x))
    weight = None if sample_weight is None else as_weights(sample_weight, dtype=parameters.dtype, samples=len(x))
    return trace.trace_gradients(network.model, vectors, x, target, weight)


def _inputs(network: Network, X: Any) -> Array:
    return as_inputs(X, dtype=network.parameters.dtype, columns=network.inputs)
