"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import integer, real
from nnkit_scipy._minimize import run_minimize


@final
@attrs.frozen(kw_only=True)
class LBFGS(Solver):
    """``theta -= step * B gradient``, with ``B`` built from the last ``memory`` steps: for many parameters, any loss.

    Full batch. scipy's ``L-BFGS-B`` without bounds.

    Args:
        memory: Steps stored, a positive integer.
        gradient_tolerance: Stop when no entry of the gradient is larger, non-negative.
        value_tolerance: Stop when a step lowers the value by at most this fraction, non-negative.
        max_evaluations: Stop after the step that reaches this number of evaluations of the objective, a positive
            integer; ``None`` allows 50 a step.

    Source:
        Liu & Nocedal (1989), "On the Limited Memory BFGS Method for Large Scale Optimization".

    Example:
        >>> import numpy as np
        >>> import nnkit
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer=LBFGS(), seed=0)
        >>> net.fit(X, np.sin(3.0 * X), epochs=100)["loss"][-1] < 1e-3
        True
    """

    monotone = True

    memory: int = integer(10, ge=1)
    gradient_tolerance: float = real(1e-8, ge=0.0)
    value_tolerance: float = real(1e-12, ge=0.0)
    max_evaluations: int | None = integer(None, ge=1, optional=True)

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        options = {
            "maxcor": self.memory,
            "gtol": self.gradient_tolerance,
            "ftol": self.value_tolerance,
            "maxfun": self.max_evaluations or 50 * max_steps + 50,
        }
        return run_minimize(
            objective,
            parameters,
            method="L-BFGS-B",
            options=options,
            hessian_product=False,
            max_steps=max_steps,
            on_step=on_step,
        )
