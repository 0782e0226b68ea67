"""Levenberg-Marquardt."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.optimizers._damped import DampedSolver
from nnkit.optimizers._quadratic import Normal, Quadratic, Rows

JACOBIAN_LIMIT = 4_000_000
"""Elements of the Jacobian (32 MB) up to which it is stored; above, only ``J^T J`` and ``J^T r`` are."""


@final
@attrs.frozen(kw_only=True)
class LevenbergMarquardt(DampedSolver):
    """``(J^T J + damping * diag(scale)) step = -J^T r``: Gauss-Newton when trusted, gradient descent when not.

    Full batch, for losses that are sums of squares (and penalties that are, such as ``l2``). The damping
    follows the gain ratio by Nielsen's rule; every step reported lowers the loss. One Jacobian a step, one forward
    pass a trial. With fewer residuals than parameters, the equivalent system of the residuals is solved.

    The logs report the ``damping``, the ``gain_ratio`` (drop of the loss over the predicted drop), how many trials were
    ``rejected``, and the ``slope``: the largest cosine between the residuals and a column of their Jacobian, 0 at a
    minimum whatever the units, to which ``gradient_tolerance`` applies.

    Args:
        damping: The initial damping, above 0, relative to ``scale``.
        scaling: Of the damping, parameter by parameter: ``"more"`` (the largest column norm so far),
            ``"marquardt"`` (the present one) or ``"none"`` (one for all).
        gradient_tolerance: Stop when the slope is at most this; non-negative.
        step_tolerance: Stop when the step is at most this fraction of the parameters; non-negative.
        value_tolerance: Stop when the actual and the predicted drop of the value are at most this fraction of it;
            non-negative.

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

    def linearize(self, objective: ObjectiveLike, theta: Array) -> Quadratic:
        if objective.residual_size * theta.size <= JACOBIAN_LIMIT:
            return Rows(objective.jacobian(theta), objective.residual(theta))
        return Normal(*objective.gauss_newton(theta))
