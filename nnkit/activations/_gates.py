"""The gradient through a gate that is either open or shut, for many elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array

MANY = 4096
"""From so many elements on, three sweeps over the bits are faster than ``sign``, which numpy takes one by one."""

BLOCK = 16_384
"""Elements of one block: its three arrays stay in cache between the sweeps."""

BITS: dict[int, np.dtype[Any]] = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def gate_in_blocks(a: Array, grad: Array, out: Array, work: Array) -> None:
    """Write ``grad`` where ``a > 0`` and 0 where ``a`` is 0 to ``out``, which may be ``grad``; ``a`` is never negative.

    A positive number is a positive integer when its bits are read as one; the sign of its negative,
    spread over all bits, lets every bit of the gradient through, and that of 0 none. (What passes
    a NaN is not defined; ``a`` has then already handed it on to the loss.)
    """
    if not (a.flags.c_contiguous and grad.flags.c_contiguous and out.flags.c_contiguous and work.flags.c_contiguous):
        np.multiply(grad, np.sign(a), out)
        return
    bits = BITS[a.itemsize]
    shift = np.array(8 * a.itemsize - 1, dtype=bits)
    opened, passing, result, gate = (array.reshape(-1).view(bits) for array in (a, grad, out, work))
    for start in range(0, a.size, BLOCK):
        block = slice(start, start + BLOCK)
        np.negative(opened[block], gate[block])
        np.right_shift(gate[block], shift, gate[block])
        np.bitwise_and(passing[block], gate[block], result[block])
