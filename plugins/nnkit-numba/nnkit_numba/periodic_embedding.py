"""The compiled counterpart of periodic_embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import integer, real
from nnkit.layers.periodic_embedding import PeriodicEmbedding
from nnkit_numba import periodic_kernels
from nnkit_numba.compiling import compiled
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.shared_dense import trusted


@final
@attrs.frozen(kw_only=True)
class CompiledPeriodicEmbedding(Layer):
    """``periodic_embedding`` with one pass over the rows in each direction, on one thread.

    Source:
        As ``periodic_embedding``.

    Example:
        >>> layer = CompiledPeriodicEmbedding(frequencies=1, dimensions=1)
        >>> arrays = {"frequency": [[0.25]], "phase": [[0.0]], "weight": [[2.0]], "bias": [[0.5]]}
        >>> arrays = {name: np.array(values) for name, values in arrays.items()}
        >>> layer.forward(arrays, np.array([[0.0], [2.0]]), training=False, rng=None)[0]
        array([[ 2.5,  0. ],
               [-1.5,  2. ]])
    """

    variants = PeriodicEmbedding.variants
    examples = PeriodicEmbedding.examples
    reference = PeriodicEmbedding.reference

    frequencies: int = integer(16, ge=1)
    dimensions: int = integer(3, ge=1)
    stddev: float = real(0.1, gt=0.0)

    @property
    def plain(self) -> PeriodicEmbedding:
        """The plain layer."""
        return as_fields_of(PeriodicEmbedding, self)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return self.plain.parameter_specs(inputs)

    def outputs(self, inputs: int) -> int:
        return self.plain.outputs(inputs)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        return self.plain.forward(parameters, x, training=training, rng=rng)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return self.plain.backward(parameters, cache, grad)

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return self.plain.backward_rows(parameters, cache, grads)

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
        names, dtype = ("frequency", "phase", "weight", "bias"), workspace.dtype
        arrays = [parameters[name] for name in names]
        wanted = gradients or {}
        out = [wanted[name] if name in wanted else np.empty_like(parameters[name]) for name in names]
        y = workspace.take("y", self.outputs(inputs))
        grad_x = workspace.take("grad_x", inputs) if needs_grad_x else np.empty((0, inputs), dtype=dtype)
        x = np.empty((workspace.rows, inputs), dtype=dtype)
        run = compiled(periodic_kernels.forward, x, *arrays, y)
        back = None if gradients is None else compiled(periodic_kernels.backward, x, *arrays[:3], y, *out, grad_x)
        if run is None or (back is None and gradients is not None):
            return self.plain.bind(
                parameters,
                gradients,
                workspace,
                inputs=inputs,
                training=training,
                needs_grad_x=needs_grad_x,
                rng=rng,
            )

        def forward(batch: Array) -> Array:
            nonlocal x
            x = trusted(batch, dtype)
            run(x, *arrays, y)
            return y

        def backward(grad: Array) -> Array | None:
            assert back is not None
            back(x, *arrays[:3], trusted(grad, dtype), *out, grad_x)
            return grad_x if needs_grad_x else None

        return BoundLayer(forward, backward)


def compiled_periodic_embedding(layer: PeriodicEmbedding) -> CompiledPeriodicEmbedding:
    """The counterpart of ``layer``."""
    return as_fields_of(CompiledPeriodicEmbedding, layer)
