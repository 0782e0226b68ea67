"""A dense layer with gradients that are separate for each row: its way there, and slope and outer product in one pass.

The result is far larger than what it is computed from, so that it should be written once and read never. A team divides
the rows of a large one, its products included: numpy's would wake the threads of its BLAS, which then look for work
on the cores of the team.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at
from nnkit_numba.blas import gemm
from nnkit_numba.compiling import kernel, task
from nnkit_numba.elementwise import activate_row, backward_row
from nnkit_numba.kernels import add
from nnkit_numba.slicing import LANES, stretch
from nnkit_numba.team import perform, team

__all__ = ["forward_rows", "write_row_gradients"]

# The words of a task: addresses of what it reads and writes (0 for what is not asked for), and its shape.
X, A, WEIGHT, ROWS, INPUTS, UNITS, KIND = range(7)
# Of the way there also:
BIAS, Z = range(7, 9)
# Of the way back also, with the distances of the results in bytes:
GRADS, SCALED, SEEDS, GRAD_X, WEIGHT_GRAD, BY_ROW, BY_SEED, BY_INPUT, BY_UNIT = range(7, 16)
BIAS_GRAD, BIAS_BY_ROW, BIAS_BY_SEED, BIAS_BY_UNIT, WORDS = range(16, 21)

LEAST = 65_536
"""Numbers of the result from which on rows are shared out."""

LEAST_WORK = 4 * 65_536
"""The same of the way there, in multiplications."""

ACTIVATION = 32
"""Multiplications that take as long as an activation."""

NARROW = 8
"""Units below which a loop over the inputs is the shorter way."""


@kernel
def _there(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    """``z = x @ weight + bias`` and ``a``, for a part of the rows."""
    w = array_at(arguments, (WORDS,), 0)
    first, last = stretch(w[ROWS], part, parts, LANES)
    if first >= last:
        return
    rows, inputs, units = last - first, w[INPUTS], w[UNITS]
    size = array_at(w[X], (1,), one).itemsize
    source, skip = w[X] + first * inputs * size, first * units * size
    gemm(False, False, (rows, units, inputs), one, (source, inputs), (w[WEIGHT], units), (w[Z] + skip, units))
    z, a = array_at(w[Z] + skip, (rows, units), one), array_at(w[A] + skip, (rows * units,), one)
    if w[BIAS]:
        for n in range(rows):
            add(z[n], array_at(w[BIAS], (units,), one))
    a[:] = z.reshape(-1)
    activate_row(a, w[KIND])


@kernel
def _row_by_row(x: Any, scaled: Any, place: Any, w: Any) -> None:
    """Where the weights of one row lie side by side in memory."""
    rows, seeds, units = scaled.shape
    inputs = x.shape[1]
    for n in range(rows):
        number = x[n]
        for s in range(seeds):
            factor = scaled[n, s]
            target = array_at(place + n * w[BY_ROW] + s * w[BY_SEED], (inputs * units,), factor[0])
            if units == 1:
                for i in range(inputs):
                    target[i] = number[i] * factor[0]
            elif units < NARROW:
                for j in range(units):
                    for i in range(inputs):
                        target[i * units + j] = number[i] * factor[j]
            else:
                for i in range(inputs):
                    for j in range(units):
                        target[i * units + j] = number[i] * factor[j]


@kernel
def _column_by_column(x: Any, scaled: Any, place: Any, w: Any) -> None:
    """Where the rows of one weight lie side by side in memory, as solvers ask for."""
    rows, seeds, units = scaled.shape
    by_input = x.T.copy()
    factor = np.empty(rows, x.dtype)
    for s in range(seeds):
        for j in range(units):
            for n in range(rows):
                factor[n] = scaled[n, s, j]
            for i in range(x.shape[1]):
                target = array_at(place + s * w[BY_SEED] + i * w[BY_INPUT] + j * w[BY_UNIT], (rows,), factor[0])
                for n in range(rows):
                    target[n] = by_input[i, n] * factor[n]


@kernel
def _write_bias(scaled: Any, place: Any, w: Any) -> None:
    rows, seeds, units = scaled.shape
    for s in range(seeds):
        start = place + s * w[BIAS_BY_SEED]
        if w[BIAS_BY_ROW] > w[BIAS_BY_UNIT]:
            for n in range(rows):
                for j in range(units):
                    array_at(start + n * w[BIAS_BY_ROW] + j * w[BIAS_BY_UNIT], (1,), scaled[n, s, j])[0] = scaled[
                        n, s, j
                    ]
        else:
            for j in range(units):
                for n in range(rows):
                    array_at(start + n * w[BIAS_BY_ROW] + j * w[BIAS_BY_UNIT], (1,), scaled[n, s, j])[0] = scaled[
                        n, s, j
                    ]


@kernel
def _back(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    """The gradients of a part of the rows, and what goes to the inputs."""
    w = array_at(arguments, (WORDS,), 0)
    first, last = stretch(w[ROWS], part, parts, LANES)
    if first >= last:
        return
    inputs, units, seeds = w[INPUTS], w[UNITS], w[SEEDS]
    x, a = array_at(w[X], (w[ROWS], inputs), one)[first:last], array_at(w[A], (w[ROWS], units), one)[first:last]
    grads = array_at(w[GRADS], (w[ROWS], seeds, units), one)[first:last]
    scaled = array_at(w[SCALED], (w[ROWS], seeds, units), one)[first:last]
    for n in range(last - first):
        for s in range(seeds):
            scaled[n, s] = grads[n, s]
            backward_row(a[n], scaled[n, s], w[KIND])
    if w[BY_UNIT] == x.itemsize:
        _row_by_row(x, scaled, w[WEIGHT_GRAD] + first * w[BY_ROW], w)
    else:
        _column_by_column(x, scaled, w[WEIGHT_GRAD] + first * w[BY_ROW], w)
    if w[BIAS_GRAD]:
        _write_bias(scaled, w[BIAS_GRAD] + first * w[BIAS_BY_ROW], w)
    if w[GRAD_X]:
        skip = first * seeds * x.itemsize
        gemm(
            False,
            True,
            ((last - first) * seeds, inputs, units),
            one,
            (w[SCALED] + skip * units, units),
            (w[WEIGHT], units),
            (w[GRAD_X] + skip * inputs, inputs),
        )


@task
def there_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _there(arguments, part, parts, np.float32(1))


@task
def there_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _there(arguments, part, parts, np.float64(1))


@task
def back_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _back(arguments, part, parts, np.float32(1))


@task
def back_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _back(arguments, part, parts, np.float64(1))


THERE = {"f": there_float32, "d": there_float64}
BACK = {"f": back_float32, "d": back_float64}
"""By the character of the dtype."""


def forward_rows(x: Array, weight: Array, bias: Array | None, kind: int) -> tuple[Array, Array] | None:
    """``z`` and ``a`` ``(N, D_out)``; ``None`` where no kernel is.

    Args:
        x: ``(N, D_in)``.
        weight: ``(D_in, D_out)``.
        bias: ``(D_out,)``.
        kind: The activation, a number of ``nnkit_numba.elementwise``.
    """
    ready = _ready(THERE, weight)
    if ready is None or not x.size or x.dtype != weight.dtype or not weight.flags.c_contiguous:
        return None
    address, mail, threads = ready
    x, bias = np.ascontiguousarray(x), None if bias is None else np.ascontiguousarray(bias, weight.dtype)
    z, words = np.empty((len(x), weight.shape[1]), weight.dtype), np.zeros(WORDS, np.int64)
    a = np.empty_like(z)
    words[:ROWS] = [array.ctypes.data for array in (x, a, weight)]
    words[ROWS:BIAS] = *x.shape, weight.shape[1], kind
    words[BIAS : Z + 1] = 0 if bias is None else bias.ctypes.data, z.ctypes.data
    work = z.size * (x.shape[1] + ACTIVATION)
    perform(mail, address, words.ctypes.data, 1, threads if work >= LEAST_WORK else 1)
    return z, a


def write_row_gradients(
    x: Array, a: Array, weight: Array, grads: Array, kind: int, out: Mapping[str, Array], *, needs_grad_x: bool
) -> tuple[Array | None] | None:
    """Fill ``out``; return what goes to the inputs. ``None`` where memory has another order, or no kernel is.

    Args:
        x: The layer's inputs ``(N, D_in)``.
        a: Its outputs ``(N, D_out)``.
        weight: ``(D_in, D_out)``.
        grads: ``(N, S, D_out)``.
        kind: The activation, a number of ``nnkit_numba.elementwise``.
        out: ``weight`` ``(N, S, D_in, D_out)`` and maybe ``bias`` ``(N, S, D_out)``.
        needs_grad_x: Whether the gradient of the inputs, ``(N, S, D_in)``, is asked for.
    """
    ready = _ready(BACK, x)
    target, bias = out.get("weight"), out.get("bias")
    if ready is None or target is None or not grads.size or not x.dtype == target.dtype == weight.dtype:
        return None
    rows, seeds, units = grads.shape
    by_row, by_seed, by_input, by_unit = target.strides
    by_unit = by_unit if units > 1 else by_input
    side_by_side = by_input == units * x.itemsize and by_unit == x.itemsize
    if not (side_by_side or by_row == x.itemsize) or not weight.flags.c_contiguous:
        return None
    if target.shape != (rows, seeds, *weight.shape):
        return None
    address, mail, threads = ready
    x, a, grads = (np.ascontiguousarray(array, dtype=weight.dtype) for array in (x, a, grads))
    scaled, words = np.empty_like(grads), np.zeros(WORDS, np.int64)
    grad_x = np.empty((rows, seeds, x.shape[1]), x.dtype) if needs_grad_x else None
    words[:ROWS] = [array.ctypes.data for array in (x, a, weight)]
    words[ROWS:GRADS] = rows, x.shape[1], units, kind
    words[GRADS:GRAD_X] = grads.ctypes.data, scaled.ctypes.data, seeds
    words[GRAD_X] = 0 if grad_x is None else grad_x.ctypes.data
    words[WEIGHT_GRAD:BIAS_GRAD] = target.ctypes.data, by_row, by_seed, by_input, by_unit
    if bias is not None:
        words[BIAS_GRAD:] = bias.ctypes.data, *bias.strides
    perform(mail, address, words.ctypes.data, 1, threads if target.size >= LEAST else 1)
    return (grad_x,)


def _ready(tasks: Mapping[str, Any], array: Array) -> tuple[int, int, int] | None:
    """The address of the task, the mailbox of a team and its size."""
    threads = team() if array.dtype.char in tasks else None
    address = None if threads is None else tasks[array.dtype.char]()
    return None if threads is None or address is None else (address, threads.mail, threads.size)
