"""An optimizer made of any object with ``update(old_params, gradient)``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError, SpecError
from nnkit.interfaces import Block, Optimizer, State, UpdateLike

__all__ = ["UpdateOnly", "from_update"]


@final
@attrs.frozen(kw_only=True)
class UpdateOnly(Optimizer):
    """``theta = optimizer.update(theta, gradient)``, where the object receives copies and keeps its own memory.

    A saved network does not contain that memory: resuming in another process starts it anew. Two
    such parts are equal when their object is the same one.

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
        >>> from_update(Descent()).update(np.array([1.0]), np.array([1.0]), {})
        array([0.5])
    """

    declares_traits = False
    coordinatewise = False
    zero_rate_is_still = False

    optimizer: UpdateLike = attrs.field(eq=id)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        returned: object = self.optimizer.update(parameters.copy(), gradient.copy())
        new = None if returned is None else np.asarray(returned, dtype=parameters.dtype)
        if new is None or new.shape != parameters.shape:
            came = "None" if new is None else f"an array of shape {new.shape}"
            raise ShapeError(
                f"{type(self.optimizer).__name__}.update(old_params, gradient) returned {came};"
                f" expected the new parameters, shape {parameters.shape}"
            )
        return new


def from_update(spec: object) -> UpdateOnly | None:
    """The optimizer of an object with ``update(old_params, gradient) -> new_params``; ``None`` for any other object.

    Raises:
        SpecError: When its ``update`` cannot be called with these two.
    """
    if isinstance(spec, type) or not isinstance(spec, UpdateLike):
        return None
    try:
        inspect.signature(spec.update).bind(None, None)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"the optimizer {type(spec).__name__} has an update that cannot be called as"
            f" update(old_params, gradient): {error}; an optimizer with a state of its own is a subclass of"
            " nnkit.interfaces.Optimizer"
        ) from error
    return UpdateOnly(optimizer=spec)
