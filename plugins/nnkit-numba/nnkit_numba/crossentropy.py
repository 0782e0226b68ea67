"""The compiled counterpart of categorical_crossentropy, which computes softmax too."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit_numba.same_fields import UnsupportedFieldError
from nnkit_numba.softmax_kernels import crossentropy
from nnkit_numba.softmax_loss import CompiledCrossentropy, fused_with_softmax
from nnkit_numba.softmax_tasks import crossentropy_rows

PLAIN = CategoricalCrossentropy()
_fused = fused_with_softmax(PLAIN, crossentropy, crossentropy_rows, np.dtype(np.float32))


@final
@attrs.frozen(kw_only=True)
class CompiledCategoricalCrossentropy(CompiledCrossentropy):
    """``categorical_crossentropy``, and with softmax in one call for float32.

    Source:
        As ``categorical_crossentropy``.

    Example:
        >>> CompiledCategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        array([1.38629436])
    """

    plain = PLAIN
    examples = PLAIN.examples
    reference = PLAIN.reference

    def fused_forward_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        _fused(z, a, target, values, grad)


def compiled_categorical(part: CategoricalCrossentropy) -> CompiledCategoricalCrossentropy | None:
    """The compiled counterpart of ``part``; none with smoothed labels."""
    unknown = {field.name for field in attrs.fields(type(part))} - {"label_smoothing"}
    if unknown:
        raise UnsupportedFieldError(", ".join(sorted(unknown)))
    return None if part.label_smoothing else CompiledCategoricalCrossentropy()
