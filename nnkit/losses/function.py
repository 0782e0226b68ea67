"""A loss made of two functions."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Loss
from nnkit.interfaces.bare_functions import Function, function_pair, require_shape, try_function

__all__ = ["FunctionLoss", "from_functions"]

PREDICTION = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
TARGET = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""What functions are tried on: two samples of three outputs between 0 and 1, with one-hot targets."""


@final
@attrs.frozen(kw_only=True)
class FunctionLoss(Loss):
    """``L = function(prediction, target)`` with ``dL/dprediction = derivative(prediction, target)``.

    The functions receive copies. Two such parts are equal when their functions are.

    Args:
        function: The loss of each sample, ``(N,)`` or ``(N, 1)``.
        derivative: Its derivative by the prediction, ``(N, K)`` or ``(N, 1, K)``.

    Source:
        The losses of "Implement a Neural Network from Scratch with NumPy", which stack row vectors.

    Example:
        >>> part = from_functions((lambda p, t: ((p - t) ** 2).sum(1), lambda p, t: 2 * (p - t)))
        >>> part.value(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
        array([5.])
    """

    declares_traits = False
    minimum_at_target = False
    zero_at_target = False
    convex = False
    additive = False

    function: Function
    derivative_function: Function = attrs.field(alias="derivative")

    def value(self, prediction: Array, target: Array) -> Array:
        value = np.asarray(self.function(prediction.copy(), target.copy()), dtype=prediction.dtype)
        return value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value

    def gradient(self, prediction: Array, target: Array) -> Array:
        gradient = np.asarray(self.derivative_function(prediction.copy(), target.copy()), dtype=prediction.dtype)
        return gradient[:, 0, :] if gradient.ndim == 3 and gradient.shape[1] == 1 else gradient


def from_functions(spec: object) -> FunctionLoss | None:
    """The loss of ``(function, derivative)``, each of ``(prediction, target)``; ``None`` for anything but a tuple.

    Raises:
        SpecError: When the two are not such functions.
    """
    if not isinstance(spec, tuple):
        return None
    function, derivative = function_pair(spec, "loss")
    call, derivative_call = "loss's function(prediction, target)", "loss's derivative(prediction, target)"
    value = try_function(function, PREDICTION, TARGET, call=call)
    require_shape(value, {(2,), (2, 1)}, "one value a sample, (N,) or (N, 1), not their mean", call=call)
    slope = try_function(derivative, PREDICTION, TARGET, call=derivative_call)
    require_shape(slope, {(2, 3), (2, 1, 3)}, "(N, K) = (2, 3), or (N, 1, K) = (2, 1, 3)", call=derivative_call)
    return FunctionLoss(function=function, derivative=derivative)
