"""``scipy.optimize.minimize`` driven as a solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import optimize

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, SolverStep
from nnkit_scipy._steps import Steps


def run_minimize(
    objective: ObjectiveLike,
    parameters: Array,
    *,
    method: str,
    options: Mapping[str, Any],
    hessian_product: bool,
    max_steps: int,
    on_step: Callable[[SolverStep], bool],
) -> Array:
    """The best parameters that ``method`` finds."""
    start = objective.value(parameters)
    steps = Steps(parameters, start, on_step, max_steps)
    if not np.isfinite(start):
        return steps.finish(f"the value at the start is {start}")

    def follow(intermediate_result: Any) -> None:
        if steps.step(intermediate_result.x, float(intermediate_result.fun)):
            raise StopIteration

    found = optimize.minimize(
        objective.value_and_gradient,
        parameters.astype(np.float64),
        jac=True,
        hessp=objective.hvp if hessian_product else None,
        method=method,
        callback=follow,
        options={"maxiter": max_steps, **options},
    )
    return steps.finish(f"scipy: {found.message}")
