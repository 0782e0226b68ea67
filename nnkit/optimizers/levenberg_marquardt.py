"""Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit.optimizers._damped import Normal, Quadratic, Rows, Stops, Trust, descend

ROWS_KEPT = 4_000_000
"""Elements of the Jacobian (32 MB) up to which it is kept whole; above, only its products are."""


@final
@attrs.frozen(kw_only=True)
class LevenbergMarquardt(Solver):
    """``(J^T J + damping * diag(scale)) step = -J^T r``: Gauss-Newton when trusted, gradient descent when not.

    Full batch, for losses that are sums of squares (and penalties that are, such as ``l2``). The damping
    follows the gain ratio by Nielsen's rule; every step reported lowers the loss. One Jacobian a step, one forward
    pass a trial. With fewer residuals than parameters, the equivalent system of the residuals is solved.

    The logs tell the ``damping``, the ``gain_ratio`` (drop of the loss over the drop foreseen), how many trials were
    ``rejected``, and the ``slope``: the largest cosine between the residuals and a column of their Jacobian, 0 at a
    minimum whatever the units, on which ``gradient_tolerance`` is judged.

    Args:
        damping: The first damping, above 0, relative to ``scale``.
        scaling: Of the damping, parameter by parameter: ``"more"`` (the largest column norm so far),
            ``"marquardt"`` (the present one) or ``"none"`` (one for all).
        gradient_tolerance: Stop when the slope is at most this, from 0 on.
        step_tolerance: Stop when the step is at most this part of the parameters, from 0 on.
        value_tolerance: Stop when a step lowers the value, and was to lower it, by at most this part, from 0 on.

    Source:
        Levenberg (1944), Marquardt (1963); Moré (1978), "The Levenberg-Marquardt algorithm: implementation and
        theory"; Nielsen (1999), "Damping Parameter in Marquardt's Method"; for networks Hagan & Menhaj (1994).

    Example:
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        >>> history = net.fit(X, np.sin(3.0 * X), epochs=60)
        >>> history["loss"][-1] < 1e-4
        True
    """

    monotone = True
    needs_residual = True

    damping: float = real(1e-3, gt=0.0)
    scaling: str = choice("more", ("more", "marquardt", "none"))
    gradient_tolerance: float = real(1e-10, ge=0.0)
    step_tolerance: float = real(1e-12, ge=0.0)
    value_tolerance: float = real(1e-12, ge=0.0)

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        return {"damping": self.damping, "scale": np.zeros(len(parameters))}

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        return self.solve_from(objective, parameters, {}, max_steps=max_steps, on_step=on_step)

    def solve_from(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        state: Mapping[str, Any],
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        trust = Trust.of(state, self.damping, self.scaling, len(parameters))
        stops = Stops(gradient=self.gradient_tolerance, step=self.step_tolerance, value=self.value_tolerance)
        return descend(objective, parameters, trust, stops, linearized, max_steps=max_steps, on_step=on_step)


def linearized(objective: ObjectiveLike, theta: Array) -> Quadratic:
    """``J`` and ``r`` where they are small, ``J^T J`` and ``J^T r`` where not."""
    residual = objective.residual(theta)
    if residual.size * theta.size <= ROWS_KEPT:
        return Rows(objective.jacobian(theta), residual)
    return Normal(*objective.gauss_newton(theta))
