"""What the threads of a team do for softmax with its cross-entropy: each some rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.atomics import array_at, keep
from nnkit_numba.compiling import kernel, task
from nnkit_numba.slicing import stretch
from nnkit_numba.softmax_kernels import crossentropy, sparse_crossentropy
from nnkit_numba.team import perform

__all__ = ["LEAST", "crossentropy_rows", "share_rows", "sparse_crossentropy_rows"]

LEAST = 16_384
"""Elements from which on the rows are shared out."""

# The words of the arguments.
ROWS, OUTPUTS, Z, A, TARGET, VALUES, GRAD, WORDS = range(8)


@kernel
def _sparse(arguments: Any, part: Any, parts: Any) -> None:
    w, one = array_at(arguments, (WORDS,), 0), np.float32(1)
    shape = (w[ROWS], w[OUTPUTS])
    z, a, grad = array_at(w[Z], shape, one), array_at(w[A], shape, one), array_at(w[GRAD], shape, one)
    bits, values = array_at(w[GRAD], shape, np.int32(1)), array_at(w[VALUES], (w[ROWS],), one)
    target = array_at(w[TARGET], (w[ROWS],), 0)
    first, last = stretch(w[ROWS], part, parts, 1)
    if first < last:
        own = slice(first, last)
        sparse_crossentropy(z[own], a[own], target[own], values[own], grad[own], bits[own].reshape(-1))


@kernel
def _dense(arguments: Any, part: Any, parts: Any) -> None:
    w, one = array_at(arguments, (WORDS,), 0), np.float32(1)
    shape = (w[ROWS], w[OUTPUTS])
    z, a, grad = array_at(w[Z], shape, one), array_at(w[A], shape, one), array_at(w[GRAD], shape, one)
    bits, values = array_at(w[GRAD], shape, np.int32(1)), array_at(w[VALUES], (w[ROWS],), one)
    target = array_at(w[TARGET], shape, one)
    first, last = stretch(w[ROWS], part, parts, 1)
    if first < last:
        own = slice(first, last)
        crossentropy(z[own], a[own], target[own], values[own], grad[own], bits[own].reshape(-1))


@task
def sparse_crossentropy_rows(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """Of integer labels."""
    _sparse(arguments, part, parts)


@task
def crossentropy_rows(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """Of one-hot rows or probabilities."""
    _dense(arguments, part, parts)


@kernel
def share_rows(mail: Any, address: Any, parts: Any, z: Any, a: Any, target: Any, values: Any, grad: Any) -> None:
    """Have a team do one of the tasks above."""
    words = np.empty(WORDS, np.int64)
    words[ROWS], words[OUTPUTS] = z.shape
    words[Z], words[A], words[TARGET] = z.ctypes.data, a.ctypes.data, target.ctypes.data
    words[VALUES], words[GRAD] = values.ctypes.data, grad.ctypes.data
    perform(mail, address, words.ctypes.data, 1, parts)
    keep(words)
