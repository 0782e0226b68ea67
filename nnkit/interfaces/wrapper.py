"""Optimizers that change what another optimizer sees or returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from nnkit.arrays import Array
from nnkit.interfaces.block import Block
from nnkit.interfaces.fields import part
from nnkit.interfaces.optimizer import Evaluate, Optimizer, State
from nnkit.interfaces.stepping import inner_optimizer

__all__ = ["Wrapper"]


@attrs.frozen(kw_only=True)
class Wrapper(Optimizer):
    """An optimizer in front of another one, whose state and closure it hands on.

    Its author gives ``optimizer`` a default and writes ``seen`` (and ``bind``, for speed), or other methods where the
    gradient is not what changes.

    Attributes:
        inner: The optimizer that makes the step.
    """

    optimizer: Any = part("optimizer", optional=False)

    @property
    def inner(self) -> Optimizer:
        """The optimizer that makes the step."""
        return inner_optimizer(self.optimizer)

    @property
    def per_parameter(self) -> tuple[str, ...]:  # type: ignore[override]  # an instance's own, by its inner optimizer
        """Those of the inner optimizer."""
        return self.inner.per_parameter

    @property
    def uses_closure(self) -> bool:  # type: ignore[override]
        """Whether the inner optimizer makes its steps with a closure."""
        return self.inner.uses_closure

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        """The state of the inner optimizer."""
        return self.inner.init(parameters, blocks)

    def offers(self, method: str) -> bool:
        """As for every part; ``evaluation`` where the class or the inner optimizer offers it."""
        if method == "evaluation" and type(self).evaluation is Wrapper.evaluation:
            return self.inner.offers(method)
        return super().offers(method)

    def evaluation(self, parameters: Array, state: State) -> Array:
        """That of the inner optimizer."""
        vector: Array = self.inner.evaluation(parameters, state)
        return vector

    def seen(self, gradient: Array) -> Array:
        """The gradient that the inner optimizer sees; never writes into ``gradient``."""
        return gradient

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        """The update of the inner optimizer."""
        return self.inner.update(parameters, self.seen(gradient), state)

    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        """The step of the inner optimizer, which sees every gradient of ``evaluate`` by ``seen``."""

        def evaluate_seen(theta: Array) -> tuple[float, Array]:
            value, gradient = evaluate(theta)
            return value, self.seen(gradient)

        result: tuple[Array, float] = self.inner.step(evaluate_seen, parameters, state)
        return result
