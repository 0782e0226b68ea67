"""scipy's trust-region least squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np
from scipy import optimize

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit_scipy._steps import Steps


class _Enough(Exception):  # noqa: N818  # not an error: it ends a loop that is scipy's
    """Leaves scipy's loop."""


@final
@attrs.frozen(kw_only=True)
class LeastSquares(Solver):
    """``min_theta r @ r / 2`` by scipy's ``least_squares``: a Gauss-Newton model in a trust region.

    Full batch, for losses that are sums of squares, and penalties that are. The complete Jacobian ``(R, P)`` is stored.

    Args:
        method: ``"trf"`` (trust region reflective) or ``"dogbox"``.
        gradient_tolerance: Stop when no entry of the gradient is larger, above 0.
        step_tolerance: Stop when the step is at most this part of the parameters, above 0.
        value_tolerance: Stop when a step lowers the value by at most this part, above 0.

    Source:
        Branch, Coleman & Li (1999), "A Subspace, Interior, and Conjugate Gradient Method for Large-Scale
        Bound-Constrained Minimization Problems".

    Example:
        >>> import numpy as np
        >>> import nnkit
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer=LeastSquares(), seed=0)
        >>> net.fit(X, np.sin(3.0 * X), epochs=60)["loss"][-1] < 1e-3
        True
    """

    monotone = True
    needs_residual = True

    method: str = choice("trf", ("trf", "dogbox"))
    gradient_tolerance: float = real(1e-10, gt=0.0)
    step_tolerance: float = real(1e-12, gt=0.0)
    value_tolerance: float = real(1e-12, gt=0.0)

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        start = objective.value(parameters)
        steps = Steps(parameters, start, on_step, max_steps)
        if not np.isfinite(start):
            return steps.finish(f"the value at the start is {start}")
        seen = 0

        def jacobian(theta: Array) -> Array:
            # scipy asks for a Jacobian once at the start and once after each accepted step.
            nonlocal seen
            seen += 1
            if seen > 1 and steps.step(theta.copy(), objective.value(theta)):
                raise _Enough("stopped")
            rows = objective.jacobian(theta).astype(np.float64)
            if not np.isfinite(rows).all():
                raise _Enough(f"the derivatives {'at the start' if seen == 1 else 'there'} are not finite")
            return rows

        try:
            result = optimize.least_squares(
                lambda theta: objective.residual(theta).astype(np.float64),
                parameters.astype(np.float64),
                jac=jacobian,
                method=self.method,
                ftol=self.value_tolerance,
                xtol=self.step_tolerance,
                gtol=self.gradient_tolerance,
                max_nfev=100 * max_steps + 100,
            )
        except _Enough as enough:
            return steps.finish(str(enough))
        if not np.array_equal(result.x.astype(parameters.dtype), steps.best) and result.cost < steps.value:
            steps.step(result.x, float(result.cost))
        return steps.finish(f"scipy: {result.message}")
