"""The compiled twin of categorical_crossentropy, which takes softmax in."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations.softmax import Softmax
from nnkit.arrays import Array
from nnkit.interfaces import Loss
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit_numba.softmax_kernels import crossentropy

PLAIN, SOFTMAX = CategoricalCrossentropy(), Softmax()


@final
@attrs.frozen(kw_only=True)
class CompiledCategoricalCrossentropy(Loss):
    """``categorical_crossentropy``, and with softmax in one call where the numbers are float32.

    Source:
        As ``categorical_crossentropy``.

    Example:
        >>> CompiledCategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        array([1.38629436])
    """

    prediction_domain = CategoricalCrossentropy.prediction_domain
    target_domain = CategoricalCrossentropy.target_domain
    minimum_at_target = CategoricalCrossentropy.minimum_at_target
    zero_at_target = CategoricalCrossentropy.zero_at_target
    additive = CategoricalCrossentropy.additive
    fused_activation = "softmax"
    examples = CategoricalCrossentropy.examples
    reference = CategoricalCrossentropy.reference

    def value(self, prediction: Array, target: Array) -> Array:
        return PLAIN.value(prediction, target)

    def gradient(self, prediction: Array, target: Array) -> Array:
        return PLAIN.gradient(prediction, target)

    def curvature(self, prediction: Array, target: Array) -> Array:
        return PLAIN.curvature(prediction, target)

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        return PLAIN.fused_value(z, a, target)

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        return PLAIN.fused_gradient(z, a, target)

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        return PLAIN.fused_curvature(z, a, target)

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        PLAIN.fused_into(z, a, target, values, grad)

    def fused_forward_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        if z.dtype.char == "f" and z.flags.c_contiguous and a.flags.c_contiguous and grad.flags.c_contiguous:
            crossentropy(z, a, target, values, grad, grad.reshape(-1).view(np.int32))
        else:
            SOFTMAX.forward_into(z, a, grad)
            PLAIN.fused_into(z, a, target, values, grad)


def categorical_twin(part: CategoricalCrossentropy) -> CompiledCategoricalCrossentropy:
    """The twin of ``part``, which has no fields."""
    return CompiledCategoricalCrossentropy()
