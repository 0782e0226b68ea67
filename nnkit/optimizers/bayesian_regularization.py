"""Bayesian regularization."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit.optimizers._damped import Trial, Trust, search
from nnkit.optimizers._evidence import Evidence

WARM = 1e-3
"""Relative drop of a step below which the first strength has done its work, and learning from the data begins."""


@final
@attrs.frozen(kw_only=True)
class BayesianRegularization(Solver):
    """Levenberg-Marquardt on ``beta E + sum_g alpha_g |w_g|^2 / 2``, each ``alpha`` and ``beta`` found from the data.

    ``E = r @ r / 2`` is the loss, a sum of ``n`` squares; the last layer's biases are free. Once the first strength has
    done its work, after every step, with ``H = J^T J`` and ``M = H + diag(alpha / beta)``:
    ``gamma_g = P_g - (alpha_g / beta) trace_g(M^-1)`` counts the parameters that the data determine, ``gamma`` is
    their sum with the free ones; ``alpha_g = gamma_g / |w_g|^2`` and ``beta = (n - gamma) / (2 E)``. No validation
    set is needed.

    With ``prior="relevance"`` the weights of each input, each later array of weights, and the biases of each hidden
    layer have an ``alpha`` of their own, so that inputs without influence are shut off. Inputs and targets should
    be standardized.

    The ``loss`` of the logs is ``E`` alone; it may rise while the penalty grows. The logs tell ``alpha`` (a mean),
    ``beta``, ``gamma`` and ``damping`` too. A network with a regularizer of its own is refused.

    Args:
        prior: ``"relevance"``, or ``"shared"`` for one ``alpha`` of all these.
        strength: ``alpha / beta`` to begin with, relative to the loss at the start, above 0.
        damping: The first damping, above 0.
        tolerance: Stop when over one step ``gamma``, the ``alpha / beta`` and the penalized loss change by at most
            this part; from 0 on.

    Source:
        MacKay (1992), "Bayesian Interpolation"; Foresee & Hagan (1997), "Gauss-Newton Approximation to Bayesian
        Learning", which MATLAB's ``trainbr`` follows (with one ``alpha`` for weights and biases alike); MacKay (1994),
        "Bayesian Nonlinear Modeling for the Prediction Competition", for automatic relevance determination.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1.0, 1.0, (60, 1))
        >>> y = np.sin(3.0 * X) + rng.normal(0.0, 0.1, X.shape)
        >>> net = nnkit.Network([1, 15, 1], hidden_activation="tanh", optimizer="bayesian_regularization", seed=0)
        >>> history = net.fit(X, y, epochs=100)
        >>> history["gamma"][-1] < 15 < net.parameters.size
        True
    """

    needs_residual = True
    finds_strength = True

    prior: str = choice("relevance", ("relevance", "shared"))
    strength: float = real(1e-2, gt=0.0)
    damping: float = real(1e-3, gt=0.0)
    tolerance: float = real(1e-5, ge=0.0)

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        chosen = groups if self.prior == "relevance" else (groups > 0).astype(groups.dtype)
        return {"damping": self.damping, "scale": np.zeros(len(parameters)), "groups": chosen}

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        state = self.begin(parameters, np.ones(len(parameters), dtype=np.int64))
        return self.solve_from(objective, parameters, state, max_steps=max_steps, on_step=on_step)

    def solve_from(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        state: Mapping[str, Any],
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        theta = parameters.copy()
        trust = Trust.of(state, self.damping, "more", len(theta))
        loss = objective.value(theta)
        evidence = Evidence.of(state, self.strength, objective.residual(theta), loss)
        matrix, gradient = objective.gauss_newton(theta)
        reason = _hopeless(loss, matrix, gradient)
        for number in range(1, max_steps + 1):
            if reason is None:
                # The trust region is one of the data: the scale must not jump with alpha.
                trust.see(matrix.diagonal().astype(np.float64))
                penalized = functools.partial(_penalized, objective, evidence)
                model = evidence.model(matrix, gradient, theta)
                found = search(penalized, theta, evidence.total(loss, theta), model, trust)
                if isinstance(found, str):
                    trust.damping, trust.growth = self.damping, 2.0
                else:
                    theta = found.theta
                    loss = objective.value(theta)
                    matrix, gradient = objective.gauss_newton(theta)
                reason = _hopeless(loss, matrix, gradient) or self._settled(evidence, matrix, loss, theta, found)
                if reason is None and number == max_steps:
                    reason = f"all {max_steps} steps are made"
            report = SolverStep(
                step=number,
                parameters=theta,
                value=loss,
                reason=reason,
                info=evidence.info(theta) | {"damping": trust.damping},
                state=trust.kept() | evidence.kept(),
            )
            if on_step(report) or reason is not None:
                break
        return theta

    def _settled(self, evidence: Evidence, matrix: Array, loss: float, theta: Array, found: Trial | str) -> str | None:
        """Learn from the step; why it was the last one needed, if it was."""
        if evidence.gamma == 0.0 and not isinstance(found, str) and found.drop > WARM * (found.value + found.drop):
            return None
        change = evidence.update(matrix, loss, theta)
        still = isinstance(found, str) or found.drop <= self.tolerance * (found.value + found.drop)
        if still and change <= self.tolerance:
            return f"gamma and the alphas change by no more than {self.tolerance:g} of themselves"
        return None


def _penalized(objective: ObjectiveLike, evidence: Evidence, theta: Array) -> float:
    return evidence.total(objective.value(theta), theta)


def _hopeless(loss: float, matrix: Array, gradient: Array) -> str | None:
    """Why there is no noise to learn from here, if so."""
    if not np.isfinite(loss):
        return f"the value is {loss}"
    if not (np.isfinite(matrix).all() and np.isfinite(gradient).all()):
        return "the derivatives are not finite"
    if loss <= np.finfo(np.float64).tiny:
        return "the residuals are zero: there is no noise to weigh the parameters against"
    return None
