"""``scipy.optimize.minimize`` driven as a solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import optimize

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, SolverStep
from nnkit_scipy._steps import Steps

PLAIN = {
    "ABNORMAL": "the line search finds no lower value",
    "A BAD APPROXIMATION": "the quadratic model foresees no improvement",
    "STOP: TOTAL NO. OF F": "the evaluations of the objective that it may make are used up",
}
"""What scipy's own words mean, by how they begin, in capitals: releases differ in case."""


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
    with np.errstate(all="ignore"):
        start, slope = objective.value_and_gradient(parameters)
        steps = Steps(parameters, start, on_step, max_steps)
        if not np.isfinite(start):
            return steps.finish(f"the value at the start is {start}")
        if not np.isfinite(slope).all():
            return steps.finish("the derivatives at the start are not finite")

        def value_and_gradient(theta: Array) -> tuple[float, Array]:
            value, gradient = objective.value_and_gradient(theta)
            if np.isfinite(value) and np.isfinite(gradient).all():
                return value, gradient
            # scipy goes on from a trial that is too high, and gives up, or stands still, at one that is no number.
            too_high = steps.value + abs(steps.value) + np.finfo(np.float64).tiny
            return too_high, np.zeros_like(theta)

        def follow(intermediate_result: Any) -> None:
            if steps.step(intermediate_result.x, float(intermediate_result.fun)):
                raise StopIteration

        result = optimize.minimize(
            value_and_gradient,
            parameters.astype(np.float64),
            jac=True,
            hessp=objective.hvp if hessian_product else None,
            method=method,
            callback=follow,
            options={"maxiter": max_steps, **options},
        )
        message = result.message.upper()
        reason = next((plain for begin, plain in PLAIN.items() if message.startswith(begin)), result.message)
        return steps.finish(f"scipy: {reason}")
