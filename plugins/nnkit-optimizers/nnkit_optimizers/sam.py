"""SAM: the step of another optimizer with the gradient at the worst place nearby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces import Block, ClosureOptimizer, Evaluate, State
from nnkit.interfaces.fields import part, real
from nnkit.interfaces.stepping import inner_optimizer


@final
@attrs.frozen(kw_only=True)
class SAM(ClosureOptimizer):
    """``g' = grad(theta + rho * g / ||g||)``, then the step of ``optimizer`` with ``g'``.

    A step evaluates the same batch twice. Where the gradient is 0, so is the ascent.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.
        rho: Length of the ascent, non-negative; 0 makes the step of ``optimizer`` itself.

    Raises:
        SpecError: When ``optimizer`` evaluates the objective itself.

    State:
        That of ``optimizer``.

    Source:
        Foret, Kleiner, Mobahi & Neyshabur (2021), "Sharpness-Aware Minimization for Efficiently
        Improving Generalization", algorithm 1 with p = 2.

    Example:
        >>> from nnkit.plugins import create
        >>> sam = create("optimizer", "sam(optimizer='sgd(learning_rate=0.5)', rho=0.1)")
        >>> theta = np.array([3.0, -4.0])
        >>> sam.step(lambda x: (float(0.5 * x @ x), x.copy()), theta, sam.init(theta, []))
        (array([ 1.47, -1.96]), 12.5)
    """

    variants = ({"optimizer": "adam", "rho": 0.5}, {"optimizer": "sgd(momentum=0.9)", "rho": 0.0})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    rho: float = real(0.05, ge=0.0)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any, rho: float) -> Array:
        """With the identity as second derivative, the ascent adds itself to the gradient."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            parameters = optimizer.update(parameters.copy(), g + rho * g / np.sqrt((g * g).sum()), state)
            path.append(parameters)
        return np.array(path)

    @property
    def per_parameter(self) -> tuple[str, ...]:  # type: ignore[override]  # that of the inner optimizer
        return inner_optimizer(self.optimizer).per_parameter

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        inner = inner_optimizer(self.optimizer)
        if inner.uses_closure:
            raise SpecError(
                f"SAM(optimizer={self.optimizer!r}): {type(inner).__name__} evaluates the objective itself; pass an "
                "optimizer with update, such as 'sgd'"
            )
        return inner.init(parameters, blocks)

    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        value, gradient = evaluate(parameters)
        largest = float(np.abs(gradient).max(initial=0.0))
        with np.errstate(all="ignore"):
            # Scaled first: the squares of tiny and huge elements would vanish or overflow.
            scaled = gradient / gradient.dtype.type(largest or 1.0)
            length = float(np.linalg.norm(scaled)) or 1.0
            _, gradient = evaluate(parameters + scaled * gradient.dtype.type(self.rho / length))
        return inner_optimizer(self.optimizer).update(parameters.copy(), gradient, state), value
