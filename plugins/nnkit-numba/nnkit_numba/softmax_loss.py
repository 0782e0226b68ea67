"""Cross-entropies that compute softmax too: compiled, on one thread or many, or left to the plain parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from nnkit.activations.softmax import Softmax
from nnkit.arrays import Array
from nnkit.interfaces import Loss
from nnkit.interfaces.loss import TargetDomain
from nnkit_numba.compiling import Kernel
from nnkit_numba.softmax_tasks import LEAST, share_rows
from nnkit_numba.team import team

__all__ = ["CompiledCrossentropy", "fused_with_softmax"]

SOFTMAX = Softmax()


class CompiledCrossentropy(Loss):
    """A cross-entropy without fields: the plain loss in all but ``fused_forward_into``, which its author writes.

    Attributes:
        plain: The plain loss.
    """

    __slots__ = ()

    plain: ClassVar[Loss]
    prediction_domain = "simplex"
    target_domain: ClassVar[TargetDomain] = "simplex"
    zero_at_target = False
    fused_activation = "softmax"

    def value(self, prediction: Array, target: Array) -> Array:
        return self.plain.value(prediction, target)

    def gradient(self, prediction: Array, target: Array) -> Array:
        return self.plain.gradient(prediction, target)

    def curvature(self, prediction: Array, target: Array) -> Array:
        second: Array = self.plain.curvature(prediction, target)
        return second

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        total: Array = self.plain.fused_value(z, a, target)
        return total

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = self.plain.fused_gradient(z, a, target)
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        second: Array = self.plain.fused_curvature(z, a, target)
        return second

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        self.plain.fused_into(z, a, target, values, grad)


def fused_with_softmax(
    plain: Loss, kernel: Kernel, task: Callable[[], int | None], target_dtype: np.dtype
) -> Callable[[Array, Array, Array, Array, Array], None]:
    """``fused_forward_into`` of a loss.

    Args:
        plain: The loss; used for all but float32.
        kernel: Computes all rows.
        task: Computes a part of the rows, in a team.
        target_dtype: The dtype of targets that the task reads.
    """

    def fused_forward_into(z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        if not (z.dtype.char == "f" and z.flags.c_contiguous and a.flags.c_contiguous and grad.flags.c_contiguous):
            SOFTMAX.forward_into(z, a, grad)
            plain.fused_into(z, a, target, values, grad)
            return
        if z.size >= LEAST and target.dtype == target_dtype and target.flags.c_contiguous:
            threads = team()
            address = task() if threads is not None else None
            if threads is not None and address is not None:
                share_rows(threads.mail, address, threads.size, z, a, target, values, grad)
                return
        kernel(z, a, target, values, grad, grad.reshape(-1).view(np.int32))

    return fused_forward_into
