"""Generalized Gauss-Newton."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit.optimizers._damped import Normal, Quadratic, Stops, Trust, descend


@final
@attrs.frozen(kw_only=True)
class GaussNewton(Solver):
    """``(J^T H J + damping * diag(scale)) step = -gradient``, with ``H`` the curvature of the loss.

    Full batch, for any loss with a second derivative (``curvature``): cross-entropies, Poisson, Huber. For sums of
    squares it is Levenberg-Marquardt, of which it has the damping, the scaling, the stops and the logs.

    Args:
        damping: The first damping, above 0, relative to ``scale``.
        scaling: Of the damping, parameter by parameter: ``"more"`` (the largest curvature so far),
            ``"marquardt"`` (the present one) or ``"none"`` (one for all).
        gradient_tolerance: Stop when the slope is at most this, from 0 on.
        step_tolerance: Stop when the step is at most this part of the parameters, from 0 on.
        value_tolerance: Stop when a step lowers the value, and was to lower it, by at most this part, from 0 on.

    Source:
        Schraudolph (2002), "Fast Curvature Matrix-Vector Products for Second-Order Gradient Descent"; the damping as
        in Nielsen (1999), "Damping Parameter in Marquardt's Method".

    Example:
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 3, 2], hidden_activation="tanh", output_activation="softmax",
        ...                     loss="categorical_crossentropy", optimizer="gauss_newton", seed=0)
        >>> history = net.fit(X, (X[:, 0] ** 2 > 0.3).astype(int), epochs=30)
        >>> net.score(X, (X[:, 0] ** 2 > 0.3).astype(int), accuracy=True)
        1.0
    """

    monotone = True

    damping: float = real(1e-2, gt=0.0)
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
        return descend(objective, parameters, trust, stops, curved, max_steps=max_steps, on_step=on_step)


def curved(objective: ObjectiveLike, theta: Array) -> Quadratic:
    """The Gauss-Newton matrix and the gradient."""
    return Normal(*objective.gauss_newton(theta))
