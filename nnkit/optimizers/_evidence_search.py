"""One search for the parameters and for the penalty strengths of largest evidence."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.optimizers._damping import Damping, Trial, search
from nnkit.optimizers._evidence import Evidence

WARM = 1e-3
"""Relative drop of a step below which the initial strength gives way to strengths estimated from the data."""

SETTLED = "gamma and the alphas change by no more than the tolerance"


@attrs.define
class Search:
    """The state of a search, the derivatives at its parameters, and the reason why it has ended, if it has.

    Args:
        theta: ``(P,)``.
        loss: ``E`` there; ``matrix`` and ``gradient`` are its derivatives.
        log_evidence: ``inf`` for a perfect fit, ``-inf`` where a value is not finite.
    """

    theta: Array
    damping: Damping
    evidence: Evidence
    settled: bool
    loss: float = math.nan
    matrix: Array = attrs.field(init=False)
    gradient: Array = attrs.field(init=False)
    log_evidence: float = -math.inf
    reason: str | None = None

    @classmethod
    def of(cls, objective: ObjectiveLike, theta: Array, state: Mapping[str, Any], strength: float) -> Search:
        """From a saved state, or new with an initial strength."""
        theta = theta.copy()
        damping = Damping.of(state, float(state["damping"]), "more", len(theta))
        evidence = Evidence.of(state, strength, objective.residual(theta), objective.value(theta))
        search = cls(theta, damping, evidence, bool(state.get("settled", False)))
        search._look(objective)
        search._judge()
        return search

    def step(self, objective: ObjectiveLike, initial_damping: float, tolerance: float) -> None:
        """One step, then new strengths from the data; nothing once the search has ended."""
        if self.reason is not None:
            return
        # The scale is that of the data alone: it must not jump with alpha.
        self.damping.rescale(self.matrix.diagonal().astype(np.float64))
        penalized = functools.partial(_penalized, objective, self.evidence)
        model = self.evidence.model(self.matrix, self.gradient, self.theta)
        outcome = search(penalized, self.theta, self.evidence.total(self.loss, self.theta), model, self.damping)
        if isinstance(outcome, str):
            self.damping.value, self.damping.growth = initial_damping, 2.0
        else:
            self.theta = outcome.theta
            self._look(objective)
        if self._obstacle() is None:
            self.settled = self._learn(outcome, tolerance)
        self._judge()

    def info(self) -> dict[str, float]:
        """For the logs."""
        own = {"damping": self.damping.value, "log_evidence": self.log_evidence}
        return self.evidence.info(self.theta) | own

    def to_state(self) -> dict[str, Any]:
        """What ``of`` reads."""
        return self.damping.to_state() | self.evidence.to_state() | {"theta": self.theta, "settled": self.settled}

    def _look(self, objective: ObjectiveLike) -> None:
        self.loss = objective.value(self.theta)
        self.matrix, self.gradient = objective.gauss_newton(self.theta)

    def _learn(self, outcome: Trial | str, tolerance: float) -> bool:
        """Estimate the strengths from the data; True if the step was the last one needed."""
        before = math.nan if isinstance(outcome, str) else outcome.value + outcome.drop
        if self.evidence.gamma == 0.0 and not isinstance(outcome, str) and outcome.drop > WARM * before:
            return False
        change = self.evidence.update(self.matrix, self.loss, self.theta)
        still = isinstance(outcome, str) or outcome.drop <= tolerance * before
        return still and change <= tolerance

    def _judge(self) -> None:
        self.reason = self._obstacle() or (SETTLED if self.settled else None)
        if _perfect(self.loss):
            self.log_evidence = math.inf
        elif self._obstacle() is None:
            log_evidence = self.evidence.log_evidence(self.matrix, self.loss, self.theta)
            self.log_evidence = -math.inf if math.isnan(log_evidence) else log_evidence
        else:
            self.log_evidence = -math.inf

    def _obstacle(self) -> str | None:
        """Why the strengths cannot be estimated here, if they cannot."""
        if not np.isfinite(self.loss):
            return f"the value is {self.loss}"
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.gradient).all()):
            return "the derivatives are not finite"
        if _perfect(self.loss):
            return "the residuals are zero: there is no noise to estimate"
        return None


def _perfect(loss: float) -> bool:
    return loss <= float(np.finfo(np.float64).tiny)


def _penalized(objective: ObjectiveLike, evidence: Evidence, theta: Array) -> float:
    return evidence.total(objective.value(theta), theta)
