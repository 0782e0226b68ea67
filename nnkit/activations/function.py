"""Activations made of two functions."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces import Activation, Elementwise
from nnkit.interfaces.bare_functions import Function, function_name, function_pair, require_shape, try_function

__all__ = ["FunctionActivation", "RowFunctionActivation", "from_functions"]

TRIAL = np.array([[-1.25, -0.5, 0.3], [0.15, 0.8, 1.7]])
"""The rows that functions are tried on: two samples of three units, so that no two axes are alike."""


@attrs.frozen(kw_only=True)
class _OfFunctions(Activation):
    """Two functions of ``z``, which receive copies; two such parts are equal when their functions are."""

    declares_traits = False

    function: Function
    derivative_function: Function = attrs.field(alias="derivative")

    def forward(self, z: Array) -> Array:
        return np.asarray(self.function(z.copy()), dtype=z.dtype)


@final
@attrs.frozen(kw_only=True)
class FunctionActivation(_OfFunctions, Elementwise):
    """``a = function(z)`` with ``da/dz = derivative(z)``, element by element, both ``(N, D) -> (N, D)``.

    Args:
        function: ``a`` of ``z``.
        derivative: ``da/dz`` of ``z``.

    Source:
        The pair ``(relu, d_relu)`` of "Implement a Neural Network from Scratch with NumPy".

    Example:
        >>> from_functions((np.sin, np.cos)).forward(np.array([[0.0]]))
        array([[0.]])
    """

    def derivative(self, z: Array, a: Array) -> Array:
        return np.asarray(self.derivative_function(z.copy()), dtype=z.dtype)


@final
@attrs.frozen(kw_only=True)
class RowFunctionActivation(_OfFunctions):
    """``a = function(z)``, ``(N, D) -> (N, D)``, with the Jacobians ``derivative(z)``, ``(N, D) -> (N, D, D)``.

    Args:
        function: ``a`` of ``z``.
        derivative: The stacked Jacobians, ``J[n, i, j] = da[n, i] / dz[n, j]``.

    Source:
        The output activations of "Implement a Neural Network from Scratch with NumPy".

    Example:
        >>> part = from_functions((lambda z: z - z.mean(1, keepdims=True),
        ...                        lambda z: np.tile(np.eye(z.shape[1]) - 1 / z.shape[1], (len(z), 1, 1))))
        >>> part.jacobian(np.zeros((1, 2)), np.zeros((1, 2)))
        array([[[ 0.5, -0.5],
                [-0.5,  0.5]]])
    """

    def jacobian(self, z: Array, a: Array) -> Array:
        return np.asarray(self.derivative_function(z.copy()), dtype=z.dtype)


def from_functions(spec: object) -> Activation | None:
    """The activation of ``(function, derivative)``, each a function of ``z``; ``None`` for anything but a tuple.

    A call on two rows of three numbers decides whether ``derivative`` returns elements ``(N, D)`` or
    stacked Jacobians ``(N, D, D)``. An elementwise derivative of a function that mixes the row
    (softmax) would train wrongly without an error, so it is refused.

    Raises:
        SpecError: When the two are not such functions.
    """
    if not isinstance(spec, tuple):
        return None
    function, derivative = function_pair(spec, "activation")
    call, derivative_call = "activation's function(z)", "activation's derivative(z)"
    a = try_function(function, TRIAL, call=call)
    slope = try_function(derivative, TRIAL, call=derivative_call)
    require_shape(a, {(2, 3)}, "(N, D) = (2, 3)", call=call)
    require_shape(slope, {(2, 3), (2, 3, 3)}, "(N, D) = (2, 3), or (N, D, D) = (2, 3, 3)", call=derivative_call)
    if slope.ndim == 3:
        return RowFunctionActivation(function=function, derivative=derivative)
    moved = TRIAL + np.array([0.125, 0.0, 0.0])
    if not np.array_equal(try_function(function, moved, call=call)[:, 1:], a[:, 1:], equal_nan=True):
        raise SpecError(
            f"the activation {function_name(function)} mixes the elements of a row, but its derivative"
            f" {function_name(derivative)} is elementwise, (N, D); return the stacked Jacobians, (N, D, D),"
            " with J[n, i, j] = da[n, i]/dz[n, j]"
        )
    return FunctionActivation(function=function, derivative=derivative)
