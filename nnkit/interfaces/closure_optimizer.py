"""Optimizers that evaluate the objective of a batch more than once in a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NoReturn

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.optimizer import Evaluate, Optimizer, State

__all__ = ["ClosureOptimizer"]


class ClosureOptimizer(Optimizer):
    """A rule that asks for the objective at places of its choice: SAM, line searches, Polyak steps.

    A closure optimizer needs two methods: ``init`` and ``step``. ``update`` and ``bind`` are not offered, since one
    gradient is not enough for it. A ``reference`` is passed the first gradient of each step; the objective is the
    quadratic with that gradient at the parameters and the identity as its second derivative.
    """

    __slots__ = ()

    coordinatewise: ClassVar[bool] = False
    uses_closure = True

    @abstractmethod
    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        """``(parameters, value)``: the parameters after one step, and the value of the first evaluation.

        Args:
            evaluate: ``theta (P,) -> (value, gradient)`` of the present batch, penalties included. Every call
                sees the same rows, the same noise and the same buffers; the gradient is a new array.
            parameters: ``(P,)``, not written to; ``evaluate`` accepts it and any other vector.
            state: Changed in place.
        """

    def update(self, parameters: Array, gradient: Array, state: State) -> NoReturn:
        """Not offered.

        Raises:
            NotOfferedError: Always.
        """
        raise NotOfferedError(
            f"{type(self).__name__} evaluates the objective more than once a step and has no update from one "
            "gradient; call step(evaluate, parameters, state)"
        )

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        """Not offered; raises as ``update`` does."""
        self.update(parameters, gradient, state)
