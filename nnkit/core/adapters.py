"""Adapters: parts made of what a person has at hand, two functions or an optimizer of their own.

A tuple ``(function, derivative)`` becomes an activation or a loss; an object with
``update(old_params, gradient) -> new_params`` becomes an optimizer. What they do is tried once
on a few numbers, so that a wrong shape is refused before a training begins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError, SpecError
from nnkit.interfaces import Activation, Elementwise, Loss, Optimizer, State, UpdateLike

__all__ = [
    "FunctionActivation",
    "FunctionLoss",
    "RowFunctionActivation",
    "UpdateOnly",
    "activation_of",
    "loss_of",
    "optimizer_of",
]

Function: TypeAlias = Callable[..., Any]

PROBE = ((-1.25, -0.5, 0.3), (0.15, 0.8, 1.7))
"""The rows that functions are tried on: two samples of three units, so that no two axes are alike."""


@final
@attrs.frozen(kw_only=True)
class FunctionActivation(Elementwise):
    """An elementwise activation made of ``function(z)`` and ``derivative(z)``, both ``(N, D) -> (N, D)``.

    The functions are given copies and may do with them what they like. Two such parts are equal
    when their functions are.

    Args:
        function: ``a`` of ``z``.
        derivative: ``da/dz`` of ``z``, element by element.

    Source:
        The pair ``(relu, d_relu)`` of "Implement a Neural Network from Scratch with NumPy".

    Example:
        >>> activation_of((np.sin, np.cos)).forward(np.array([[0.0]]))
        array([[0.]])
    """

    declares_traits = False

    function: Function
    derivative_function: Function = attrs.field(alias="derivative")

    def forward(self, z: Array) -> Array:
        return np.asarray(self.function(z.copy()), dtype=z.dtype)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.asarray(self.derivative_function(z.copy()), dtype=z.dtype)


@final
@attrs.frozen(kw_only=True)
class RowFunctionActivation(Activation):
    """An activation that mixes a row, made of ``function(z)`` and ``derivative(z)``, ``(N, D) -> (N, D, D)``.

    The functions are given copies and may do with them what they like. Two such parts are equal
    when their functions are.

    Args:
        function: ``a`` of ``z``.
        derivative: The stacked Jacobians of ``z``.

    Source:
        The output activations of "Implement a Neural Network from Scratch with NumPy".

    Example:
        >>> part = activation_of((lambda z: z - z.mean(1, keepdims=True),
        ...                       lambda z: np.tile(np.eye(z.shape[1]) - 1 / z.shape[1], (len(z), 1, 1))))
        >>> part.jacobian(np.zeros((1, 2)), np.zeros((1, 2)))
        array([[[ 0.5, -0.5],
                [-0.5,  0.5]]])
    """

    declares_traits = False

    function: Function
    derivative_function: Function = attrs.field(alias="derivative")

    def forward(self, z: Array) -> Array:
        return np.asarray(self.function(z.copy()), dtype=z.dtype)

    def jacobian(self, z: Array, a: Array) -> Array:
        return np.asarray(self.derivative_function(z.copy()), dtype=z.dtype)


@final
@attrs.frozen(kw_only=True)
class FunctionLoss(Loss):
    """A loss made of ``function(prediction, target)`` and ``derivative(prediction, target)``.

    The functions are given copies and may do with them what they like. Two such parts are equal
    when their functions are.

    Args:
        function: The loss of each sample, ``(N,)`` or ``(N, 1)``.
        derivative: Its derivative by the prediction, ``(N, K)`` or ``(N, 1, K)``.

    Source:
        The losses of "Implement a Neural Network from Scratch with NumPy", which stack row vectors.

    Example:
        >>> part = loss_of((lambda p, t: ((p - t) ** 2).sum(1), lambda p, t: 2 * (p - t)))
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
        found = np.asarray(self.function(prediction.copy(), target.copy()), dtype=prediction.dtype)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def gradient(self, prediction: Array, target: Array) -> Array:
        found = np.asarray(self.derivative_function(prediction.copy(), target.copy()), dtype=prediction.dtype)
        return found[:, 0, :] if found.ndim == 3 and found.shape[1] == 1 else found


@final
@attrs.frozen(kw_only=True)
class UpdateOnly(Optimizer):
    """An optimizer made of any object with ``update(old_params, gradient) -> new_params``.

    The object is given copies of both and keeps its own memory, which a saved network therefore
    does not hold: resuming in another process starts that memory anew. Two such parts are equal
    when their object is the same one.

    Args:
        optimizer: The object.

    Raises:
        ShapeError: When an update is not of the shape of the parameters.

    Source:
        The optimizers of "Implement a Neural Network from Scratch with NumPy".

    Example:
        >>> class Descent:
        ...     def update(self, old_params, gradient):
        ...         return old_params - 0.5 * gradient
        >>> optimizer_of(Descent()).update(np.array([1.0]), np.array([1.0]), {})
        array([0.5])
    """

    declares_traits = False
    coordinatewise = False
    zero_rate_is_still = False

    optimizer: Any = attrs.field(eq=id)

    def init(self, parameters: Array) -> State:
        return {}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        given = self.optimizer.update(parameters.copy(), gradient.copy())
        new = None if given is None else np.asarray(given, dtype=parameters.dtype)
        if new is None or new.shape != parameters.shape:
            came = "None" if new is None else f"an array of shape {new.shape}"
            raise ShapeError(
                f"{type(self.optimizer).__name__}.update(old_params, gradient) returned {came};"
                f" expected the new parameters, shape {parameters.shape}"
            )
        return new


def activation_of(pair: tuple[Any, ...]) -> Activation:
    """The activation of ``(function, derivative)``, each a function of ``z``.

    Whether ``derivative`` returns elements ``(N, D)`` or stacked Jacobians ``(N, D, D)`` is found
    by trying it on two rows of three numbers. An elementwise derivative of a function that mixes
    the row (softmax) would train wrongly without a word, so one number is moved, and the others must stay.

    Raises:
        SpecError: When the two are not such functions.
    """
    function, derivative = _pair(pair, "activation")
    z = np.array(PROBE)
    a = _probe(function, (z.copy(),), "activation", "function(z)")
    slope = _probe(derivative, (z.copy(),), "activation", "derivative(z)")
    if a.shape != z.shape:
        raise _wrong_shape("activation", "function(z)", a, "(N, D) = (2, 3)")
    if slope.shape == (2, 3, 3):
        return RowFunctionActivation(function=function, derivative=derivative)
    if slope.shape != z.shape:
        raise _wrong_shape("activation", "derivative(z)", slope, "(N, D) = (2, 3), or (N, D, D) = (2, 3, 3)")
    moved = z.copy()
    moved[:, 0] += 0.125
    if not np.array_equal(_probe(function, (moved,), "activation", "function(z)")[:, 1:], a[:, 1:], equal_nan=True):
        raise SpecError(
            f"the activation {_called(function)} mixes the elements of a row, but its derivative {_called(derivative)}"
            " is elementwise, (N, D); return the stacked Jacobians, (N, D, D), with J[n, i, j] = da[n, i]/dz[n, j]"
        )
    return FunctionActivation(function=function, derivative=derivative)


def loss_of(pair: tuple[Any, ...]) -> FunctionLoss:
    """The loss of ``(function, derivative)``, each a function of ``(prediction, target)``.

    Both are tried on two rows of three numbers between 0 and 1, with one-hot targets.

    Raises:
        SpecError: When the two are not such functions.
    """
    function, derivative = _pair(pair, "loss")
    prediction, target = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    call, slope_call = "function(prediction, target)", "derivative(prediction, target)"
    value = _probe(function, (prediction.copy(), target.copy()), "loss", call)
    if value.shape not in {(2,), (2, 1)}:
        raise _wrong_shape("loss", call, value, "one value a sample, (N,) or (N, 1), not their mean")
    slope = _probe(derivative, (prediction.copy(), target.copy()), "loss", slope_call)
    if slope.shape not in {(2, 3), (2, 1, 3)}:
        raise _wrong_shape("loss", slope_call, slope, "(N, K) = (2, 3), or (N, 1, K) = (2, 1, 3)")
    return FunctionLoss(function=function, derivative=derivative)


def optimizer_of(given: UpdateLike) -> UpdateOnly:
    """The optimizer of an object with ``update(old_params, gradient) -> new_params``.

    Raises:
        SpecError: When its ``update`` cannot be called with these two.
    """
    try:
        inspect.signature(given.update).bind(None, None)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"the optimizer {type(given).__name__} has an update that cannot be called as"
            f" update(old_params, gradient): {error}; an optimizer with a state of its own is a subclass of"
            " nnkit.interfaces.Optimizer"
        ) from error
    return UpdateOnly(optimizer=given)


def _pair(pair: tuple[Any, ...], kind: str) -> tuple[Function, Function]:
    if len(pair) != 2 or not all(callable(one) for one in pair):
        raise SpecError(f"the {kind} {pair!r} cannot be understood; expected two functions, (function, derivative)")
    return pair[0], pair[1]


def _probe(function: Function, arguments: tuple[Array, ...], kind: str, call: str) -> Array:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arguments), dtype=np.float64)
    except Exception as error:
        shapes = " and ".join(str(argument.shape) for argument in arguments)
        raise SpecError(
            f"the {kind}'s {call} is {_called(function)}, which fails on float64 of shape {shapes}:"
            f" {type(error).__name__}: {error}"
        ) from error


def _wrong_shape(kind: str, call: str, came: Array, expected: str) -> SpecError:
    return SpecError(f"the {kind}'s {call} returned shape {came.shape} for two rows of three; expected {expected}")


def _called(function: Function) -> str:
    return str(getattr(function, "__name__", repr(function)))
