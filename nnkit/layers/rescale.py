"""Rescaling of every column by the same two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, Workspace
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Rescale(Layer):
    """``y = scale * x + offset``, with fixed numbers: units that suit a network, saved with the model.

    Args:
        scale: What the inputs are multiplied by; ``1 / 255`` turns bytes into [0, 1].
        offset: What is added then.

    Source:
        Chollet et al. (2015), Keras, ``keras.layers.Rescaling``.

    Example:
        >>> Rescale(scale=0.5, offset=-1.0).forward({}, np.array([[0.0, 4.0]]), training=False, rng=None)[0]
        array([[-1.,  1.]])
    """

    variants = ({"scale": 0.0625}, {"scale": -2.0, "offset": 1.0})
    examples = (
        Example(
            inputs={"parameters": {}, "x": [[0.0, 127.5, 255.0]]},
            expected=[[-1.0, 0.0, 1.0]],
            source="Keras documentation of keras.layers.Rescaling: [0, 255] to [-1, 1]",
            hyperparameters={"scale": 1 / 127.5, "offset": -1.0},
        ),
    )

    scale: float = real(1.0)
    offset: float = real(0.0)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        number = x.dtype.type
        return number(self.scale) * x + number(self.offset), None

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array | None:
        return (rng.normal(size=shape) - self.offset) / self.scale if self.scale else None

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        return grad * grad.dtype.type(self.scale), {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        return grads * grads.dtype.type(self.scale), {}

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
        number = workspace.dtype.type
        scale, offset = number(self.scale), number(self.offset)
        y = workspace.take("y", inputs)
        shifted = self.offset != 0.0

        def forward(x: Array) -> Array:
            np.multiply(x, scale, out=y)
            if shifted:
                np.add(y, offset, out=y)
            return y

        def backward(grad: Array) -> Array | None:
            return np.multiply(grad, scale, out=grad) if needs_grad_x else None

        return BoundLayer(forward, backward)
