"""Optimizers: one step at a time, on one flat vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.block import Block
from nnkit.interfaces.part import Part, optional

__all__ = ["BLOCKS", "Evaluate", "Optimizer", "State"]

Evaluate: TypeAlias = Callable[[Array], tuple[float, Array]]
"""``theta (P,) -> (value, gradient)``: the objective of one batch, as often as wanted, with the same noise."""

State: TypeAlias = dict[str, Any]
"""The state of an optimizer: arrays, plain numbers, and mappings of these, by name. Nothing else is saved."""

BLOCKS = "blocks"
"""The entry of a state (also of a mapping in it) that may hold the blocks passed to ``init``. It is not saved: the core
supplies the blocks again when a state is loaded."""


class Optimizer(Part):
    """A rule that turns parameters ``(P,)`` and their gradient ``(P,)`` into better parameters.

    An optimizer needs two methods: ``init`` and ``update``. Everything that must survive a save is in
    the state; resuming from a copy of it equals continuing. The state's arrays have the dtype of
    the parameters.

    Attributes:
        coordinatewise: Updating two halves of the vector separately equals updating all of it.
        zero_rate_is_still: A learning rate of 0 leaves the parameters as they are.
        per_parameter: Names of the state's arrays ``(P,)`` that have one element for each parameter: files store them
            by the name of each block.
        constant_state: Names of the state's arrays that no step changes, such as the parameters at the start.
        uses_closure: Steps are made by ``step``, not by ``update``; see ``ClosureOptimizer``.
    """

    __slots__ = ()

    kind = "optimizer"
    coordinatewise: ClassVar[bool] = True
    zero_rate_is_still: ClassVar[bool] = True
    per_parameter: ClassVar[tuple[str, ...]] = ()
    constant_state: ClassVar[tuple[str, ...]] = ()
    uses_closure: ClassVar[bool] = False

    @abstractmethod
    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        """The state before the first update.

        Args:
            parameters: ``(P,)``, not written to.
            blocks: The arrays that the vector consists of, in order. What later updates need of them
                goes into the state: numbers and arrays, or the blocks themselves as ``state["blocks"]``.
        """

    @abstractmethod
    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        """The parameters after one step.

        May write into ``parameters`` and ``state``; returns the parameters either way. Never
        writes into ``gradient`` and never stores it.
        """

    @optional
    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        """Optional: one step that evaluates the objective itself; see ``ClosureOptimizer.step``."""
        raise NotOfferedError(f"{type(self).__name__} makes its steps with update; it offers no step(evaluate, …)")

    @optional
    def evaluation(self, parameters: Array, state: State) -> Array:
        """Optional: the parameters ``(P,)`` for validation, ``predict``, callbacks and files (EMA, SWA, schedule-free).

        Called at the end of each epoch and of ``fit``; training goes on from ``parameters``, which are not
        written to. Before the first update it returns the parameters themselves.
        """
        return parameters

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        """In-place variant of ``update``: fixes the three once, returns a function that makes one step.

        Each call reads ``gradient`` as it stands then, and changes ``parameters`` and ``state`` in
        place. Scratch arrays are allocated here, once, and are not in the state. Equal to ``update``, step for step.
        """
        update = self.update

        def step() -> None:
            new = update(parameters, gradient, state)
            if new is not parameters:
                np.copyto(parameters, new)

        return step
