"""One search for the parameters and for the strengths that the evidence asks for."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.optimizers._damped import Trial, Trust, search
from nnkit.optimizers._evidence import Evidence

WARM = 1e-3
"""Relative drop of a step below which the first strength has done its work, and learning from the data begins."""

SETTLED = "gamma and the alphas change by no more than the tolerance"


@attrs.define
class Search:
    """Where it stands, what it knows there, and why it is over, if it is.

    Args:
        theta: ``(P,)``.
        loss: ``E`` there; ``matrix`` and ``gradient`` are its derivatives.
        log_evidence: ``inf`` for a perfect fit, ``-inf`` where a figure is not finite.
    """

    theta: Array
    trust: Trust
    evidence: Evidence
    settled: bool
    loss: float = math.nan
    matrix: Array = attrs.field(init=False)
    gradient: Array = attrs.field(init=False)
    log_evidence: float = -math.inf
    reason: str | None = None

    @classmethod
    def of(cls, objective: ObjectiveLike, theta: Array, state: Mapping[str, Any], strength: float) -> Search:
        """As a state left it, or with the strength to begin with."""
        theta = theta.copy()
        trust = Trust.of(state, float(state["damping"]), "more", len(theta))
        evidence = Evidence.of(state, strength, objective.residual(theta), objective.value(theta))
        found = cls(theta, trust, evidence, bool(state.get("settled", False)))
        found._look(objective)
        found._judge()
        return found

    def step(self, objective: ObjectiveLike, damping: float, tolerance: float) -> None:
        """One step, then what the data say there of the strengths; nothing if it is over."""
        if self.reason is not None:
            return
        # The trust region is one of the data: the scale must not jump with alpha.
        self.trust.see(self.matrix.diagonal().astype(np.float64))
        penalized = functools.partial(_penalized, objective, self.evidence)
        model = self.evidence.model(self.matrix, self.gradient, self.theta)
        found = search(penalized, self.theta, self.evidence.total(self.loss, self.theta), model, self.trust)
        if isinstance(found, str):
            self.trust.damping, self.trust.growth = damping, 2.0
        else:
            self.theta = found.theta
            self._look(objective)
        if self._hopeless() is None:
            self.settled = self._learn(found, tolerance)
        self._judge()

    def info(self) -> dict[str, float]:
        """For the logs."""
        own = {"damping": self.trust.damping, "log_evidence": self.log_evidence}
        return self.evidence.info(self.theta) | own

    def kept(self) -> dict[str, Any]:
        """What a state must hold."""
        return self.trust.kept() | self.evidence.kept() | {"theta": self.theta, "settled": self.settled}

    def _look(self, objective: ObjectiveLike) -> None:
        self.loss = objective.value(self.theta)
        self.matrix, self.gradient = objective.gauss_newton(self.theta)

    def _learn(self, found: Trial | str, tolerance: float) -> bool:
        """Take the strengths from the data; was the step the last one needed?"""
        before = math.nan if isinstance(found, str) else found.value + found.drop
        if self.evidence.gamma == 0.0 and not isinstance(found, str) and found.drop > WARM * before:
            return False
        change = self.evidence.update(self.matrix, self.loss, self.theta)
        still = isinstance(found, str) or found.drop <= tolerance * before
        return still and change <= tolerance

    def _judge(self) -> None:
        self.reason = self._hopeless() or (SETTLED if self.settled else None)
        if _perfect(self.loss):
            self.log_evidence = math.inf
        elif self._hopeless() is None:
            found = self.evidence.log_evidence(self.matrix, self.loss, self.theta)
            self.log_evidence = -math.inf if math.isnan(found) else found
        else:
            self.log_evidence = -math.inf

    def _hopeless(self) -> str | None:
        """Why there is no noise to learn from here, if so."""
        if not np.isfinite(self.loss):
            return f"the value is {self.loss}"
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.gradient).all()):
            return "the derivatives are not finite"
        if _perfect(self.loss):
            return "the residuals are zero: there is no noise to weigh the parameters against"
        return None


def _perfect(loss: float) -> bool:
    return loss <= float(np.finfo(np.float64).tiny)


def _penalized(objective: ObjectiveLike, evidence: Evidence, theta: Array) -> float:
    return evidence.total(objective.value(theta), theta)
