"""The compiled twin of categorical_crossentropy, which takes softmax in."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Loss
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit_numba.softmax_kernels import crossentropy
from nnkit_numba.softmax_tasks import crossentropy_rows
from nnkit_numba.softmax_twin import fused_with_softmax

PLAIN = CategoricalCrossentropy()
_fused = fused_with_softmax(PLAIN, crossentropy, crossentropy_rows, np.dtype(np.float32))


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
        _fused(z, a, target, values, grad)


def categorical_twin(part: CategoricalCrossentropy) -> CompiledCategoricalCrossentropy:
    """The twin of ``part``, which has no fields."""
    return CompiledCategoricalCrossentropy()
