"""Gradient accumulation, in front of any optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces import Block, State, Wrapper
from nnkit.interfaces.fields import integer, part


@final
@attrs.frozen(kw_only=True)
class Accumulate(Wrapper):
    """One step of ``optimizer`` with the mean of ``steps`` gradients; in between the parameters stay as they are.

    Batches of ``steps`` times the rows, in the memory of one. Gradients go on from one epoch to the next; a schedule
    of ``optimizer`` counts its own steps.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the steps.
        steps: Gradients of a step, a positive integer.

    Raises:
        SpecError: When ``optimizer`` evaluates the objective itself.

    State:
        ``optimizer`` (that of the inner one), ``count`` (gradients since its last step) and their sum
        ``accumulated`` ``(P,)``.

    Source:
        Ott et al. (2018), "Scaling Neural Machine Translation", section 3.2; as Keras' ``gradient_accumulation_steps``
        and optax's ``MultiSteps``.

    Example:
        >>> from nnkit.plugins import create
        >>> accumulate = create("optimizer", "accumulate(optimizer='sgd(learning_rate=0.5)', steps=2)")
        >>> theta, state = np.zeros(1), accumulate.init(np.zeros(1), [])
        >>> [accumulate.update(theta, np.array([g]), state).item() for g in (1.0, 3.0, 5.0)]
        [0.0, -1.0, -1.0]
    """

    coordinatewise = False
    variants = ({"optimizer": "adam", "steps": 3}, {"optimizer": "sgd(momentum=0.9)", "steps": 1})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    steps: int = integer(2, ge=1)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any, steps: int) -> Array:
        """One step of the inner optimizer after each complete group of gradients."""
        state, path = optimizer.init(parameters, []), []
        for last in range(1, len(gradients) + 1):
            if last % steps == 0:
                mean = gradients[last - steps : last].sum(axis=0) / steps
                parameters = optimizer.update(parameters.copy(), mean.astype(parameters.dtype), state)
            path.append(parameters)
        return np.array(path)

    @property
    def per_parameter(self) -> tuple[str, ...]:  # type: ignore[override]  # with those of the inner optimizer
        return ("accumulated", *self.inner.per_parameter)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        if self.inner.uses_closure:
            raise SpecError(
                f"Accumulate(optimizer={self.optimizer!r}): {type(self.inner).__name__} evaluates the objective of a "
                "batch itself; pass an optimizer with update, such as 'sgd'"
            )
        inner = self.inner.init(parameters, blocks)
        return {"optimizer": inner, "count": 0, "accumulated": np.zeros_like(parameters)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        mean = self._mean(gradient, state)
        return parameters if mean is None else self.inner.update(parameters, mean, state["optimizer"])

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        seen = np.empty_like(gradient)
        inner = self.inner.bind(parameters, seen, state["optimizer"])

        def step() -> None:
            mean = self._mean(gradient, state)
            if mean is not None:
                np.copyto(seen, mean)
                inner()

        return step

    def offers(self, method: str) -> bool:
        return self.inner.offers(method) if method == "evaluation" else super().offers(method)

    def evaluation(self, parameters: Array, state: State) -> Array:
        vector: Array = self.inner.evaluation(parameters, state["optimizer"])
        return vector

    def _mean(self, gradient: Array, state: State) -> Array | None:
        """The mean when the last gradient of a step has been added; ``None`` before."""
        total = state["accumulated"]
        total += gradient
        state["count"] += 1
        if state["count"] < self.steps:
            return None
        mean: Array = total / total.dtype.type(self.steps)
        total.fill(0.0)
        state["count"] = 0
        return mean
