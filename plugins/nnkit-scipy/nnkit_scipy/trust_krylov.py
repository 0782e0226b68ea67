"""Newton's method in a trust region."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import real
from nnkit_scipy._minimize import run_minimize


@final
@attrs.frozen(kw_only=True)
class TrustKrylov(Solver):
    """``argmin gradient.h + h.H.h / 2`` within ``|h| <= radius``: Newton with exact Hessian products, any loss.

    Full batch. scipy's ``trust-krylov``: follows directions of negative curvature, so it leaves saddles; never
    forms the Hessian ``H``.

    Args:
        radius: The first trust radius, above 0.
        gradient_tolerance: Stop when the norm of the gradient is at most this, non-negative.

    Source:
        Gould, Lucidi, Roma & Toint (1999), "Solving the Trust-Region Subproblem using the Lanczos Method".

    Example:
        >>> import numpy as np
        >>> import nnkit
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer=TrustKrylov(), seed=0)
        >>> net.fit(X, np.sin(3.0 * X), epochs=60)["loss"][-1] < 1e-3
        True
    """

    monotone = True

    radius: float = real(1.0, gt=0.0)
    gradient_tolerance: float = real(1e-8, ge=0.0)

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        return run_minimize(
            objective,
            parameters,
            method="trust-krylov",
            options={
                "gtol": self.gradient_tolerance,
                "initial_trust_radius": self.radius,
                "max_trust_radius": 1e3 * self.radius,
            },
            hessian_product=True,
            max_steps=max_steps,
            on_step=on_step,
        )
