"""Generalized Gauss-Newton."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.interfaces.fields import real
from nnkit.optimizers._damped import DampedSolver
from nnkit.optimizers._quadratic import Normal, Quadratic


@final
@attrs.frozen(kw_only=True)
class GaussNewton(DampedSolver):
    """``(J^T H J + damping * diag(scale)) step = -gradient``, with ``H`` the curvature of the loss.

    Full batch, for any loss with a second derivative (``curvature``): cross-entropies, Poisson, Huber. For sums of
    squares it equals Levenberg-Marquardt, whose damping, scaling, stopping rules and logs it shares.

    Args:
        damping: The initial damping, above 0, relative to ``scale``.
        scaling: Of the damping, parameter by parameter: ``"more"`` (the largest curvature so far),
            ``"marquardt"`` (the present one) or ``"none"`` (one for all).
        gradient_tolerance: Stop when the slope is at most this; non-negative.
        step_tolerance: Stop when the step is at most this fraction of the parameters; non-negative.
        value_tolerance: Stop when the actual and the predicted drop of the value are at most this fraction of it;
            non-negative.

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

    def linearize(self, objective: ObjectiveLike, theta: Array) -> Quadratic:
        return Normal(*objective.gauss_newton(theta))
