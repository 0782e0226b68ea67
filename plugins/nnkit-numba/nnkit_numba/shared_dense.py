"""A dense layer whose products are shared out among a team of threads, with all else that goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

import numpy as np

from nnkit.activations.identity import Identity
from nnkit.activations.relu import ReLU
from nnkit.activations.sigmoid import Sigmoid
from nnkit.activations.tanh import Tanh
from nnkit.arrays import Array
from nnkit.interfaces import Activation, BoundLayer, Parameters, Workspace
from nnkit_numba import dense_tasks
from nnkit_numba.compiling import compiled
from nnkit_numba.dense_tasks import TASKS
from nnkit_numba.elementwise import NONE, RELU, SIGMOID, TANH
from nnkit_numba.team import perform_on, team

__all__ = ["KINDS", "bind_shared", "trusted", "worthwhile"]

KINDS: Mapping[type, int] = {NoneType: NONE, Identity: NONE, ReLU: RELU, Tanh: TANH, Sigmoid: SIGMOID}
"""The number of an activation in compiled code, by its class."""

LEAST = 4 * 65_536
"""Multiplications of a product from which on OpenBLAS would take threads of its own."""


def worthwhile(rows: int, inputs: int, units: int) -> bool:
    """Whether the products are large enough to be shared out, and can be."""
    return rows * inputs * units > LEAST and team() is not None


def bind_shared(
    activation: Activation | None,
    parameters: Parameters,
    gradients: Mapping[str, Array],
    workspace: Workspace,
    *,
    needs_grad_x: bool,
) -> BoundLayer | None:
    """Both directions; ``None`` when they cannot be compiled."""
    weight, bias = parameters["weight"], parameters.get("bias")
    inputs, units = weight.shape
    rows, dtype = workspace.rows, weight.dtype
    threads = team()
    forward_task, backward_task = (make() for make in TASKS[dtype.char])
    if threads is None or forward_task is None or backward_task is None:
        return None
    kind = KINDS.get(type(activation), NONE)
    z = workspace.take("z", units)
    # What is not done by the task itself is left to the activation's own methods.
    apart = None if activation is None or kind == RELU else activation
    through = None if kind != NONE else activation
    # The task's own derivatives read `a` alone, in the place of `z`.
    a = z if activation is None or kind != NONE or not activation.uses_z else workspace.take("a", units)
    work = workspace.scratch(units)
    grad_x = workspace.take("grad_x", inputs) if needs_grad_x else None
    arguments = np.zeros(dense_tasks.WORDS, dtype=np.int64)
    arrays = {
        dense_tasks.WEIGHT: weight, dense_tasks.BIAS: bias, dense_tasks.Z: z, dense_tasks.GRAD_X: grad_x,
        dense_tasks.WEIGHT_GRAD: gradients["weight"], dense_tasks.BIAS_GRAD: gradients.get("bias"),
    }  # fmt: skip
    for place, array in arrays.items():
        arguments[place] = 0 if array is None else array.ctypes.data
    arguments[[dense_tasks.ROWS, dense_tasks.INPUTS, dense_tasks.UNITS, dense_tasks.KIND]] = rows, inputs, units, kind
    mail, parts = threads.mail, threads.size
    run = compiled(perform_on, mail, forward_task, arguments, 0, 1, parts, z)
    if run is None:
        return None
    seen = z

    def forward(x: Array) -> Array:
        nonlocal seen
        seen = trusted(x, dtype)
        run(mail, forward_task, arguments, dense_tasks.X, 1, parts, seen)
        if apart is not None:
            apart.forward_into(z, a, work)
        return a

    def backward(grad: Array) -> Array | None:
        grad = trusted(grad, dtype)
        if through is not None:
            through.vjp_into(z, a, grad, grad, work)
        run(mail, backward_task, arguments, dense_tasks.GRAD, 2, parts, grad)
        return arrays[dense_tasks.GRAD_X]

    return BoundLayer(forward, backward)


def trusted(array: Array, dtype: np.dtype) -> Array:
    """The array itself where its memory has the layout that tasks expect; other packages' layers may differ."""
    if array.dtype.char == dtype.char and array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(array, dtype=dtype)
