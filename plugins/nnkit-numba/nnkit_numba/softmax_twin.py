"""Softmax with a cross-entropy in one call: compiled on one thread or many, or left to the plain parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnkit.activations.softmax import Softmax
from nnkit.arrays import Array
from nnkit.interfaces import Loss
from nnkit_numba.compiling import Kernel
from nnkit_numba.softmax_tasks import LEAST, share_rows
from nnkit_numba.team import team

__all__ = ["fused_with_softmax"]

SOFTMAX = Softmax()


def fused_with_softmax(
    plain: Loss, kernel: Kernel, task: Callable[[], int | None], target_dtype: np.dtype
) -> Callable[[Array, Array, Array, Array, Array], None]:
    """``fused_forward_into`` of a loss.

    Args:
        plain: The loss; it does what is not float32.
        kernel: Does all rows.
        task: Does a part of the rows, in a team.
        target_dtype: Of the targets that the task takes.
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
