"""The compiled counterpart of sparse_categorical_crossentropy, which computes softmax too."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.softmax_kernels import sparse_crossentropy
from nnkit_numba.softmax_loss import CompiledCrossentropy, fused_with_softmax
from nnkit_numba.softmax_tasks import sparse_crossentropy_rows

PLAIN = SparseCategoricalCrossentropy()
_fused = fused_with_softmax(PLAIN, sparse_crossentropy, sparse_crossentropy_rows, np.dtype(np.int64))


@final
@attrs.frozen(kw_only=True)
class CompiledSparseCategoricalCrossentropy(CompiledCrossentropy):
    """``sparse_categorical_crossentropy``, and with softmax in one call for float32.

    Source:
        As ``sparse_categorical_crossentropy``.

    Example:
        >>> CompiledSparseCategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([0]))
        array([1.38629436])
    """

    plain = PLAIN
    target_domain = "index"
    minimum_at_target = False
    additive = False
    examples = PLAIN.examples
    reference = PLAIN.reference

    def fused_forward_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        _fused(z, a, target, values, grad)


def compiled_sparse(part: SparseCategoricalCrossentropy) -> CompiledSparseCategoricalCrossentropy:
    """The compiled counterpart of ``part``."""
    return as_fields_of(CompiledSparseCategoricalCrossentropy, part)
