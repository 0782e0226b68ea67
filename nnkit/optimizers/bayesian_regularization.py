"""Bayesian regularization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit.optimizers._evidence_search import Search

NONE = -1
"""The leader before the first step."""


def _groups(prior: str, expected: list[int]) -> Example:
    return Example(
        inputs={"parameters": [1.0, -2.0, 0.5, 3.0], "groups": np.array([2, 1, 2, 0])},
        expected={"groups": [expected] * 2, "strengths": [[0.0] * (max(expected) + 1)] * 2, "leader": NONE},
        source="by hand",
        method="begin",
        hyperparameters={"prior": prior},
    )


@final
@attrs.frozen(kw_only=True)
class BayesianRegularization(Solver):
    """Levenberg-Marquardt on ``beta E + sum_g alpha_g |w_g|^2 / 2``; each ``alpha`` and ``beta`` comes from the data.

    ``E = r @ r / 2`` is the loss, a sum of ``n`` squares; the last layer's biases are free. Once the steps have become
    small with the initial strength, every step is followed by an update, with ``H = J^T J`` and
    ``M = H + diag(alpha / beta)``: ``gamma_g = P_g - (alpha_g / beta) trace_g(M^-1)`` counts the parameters that the
    data determine, ``gamma`` is their sum with the free ones; ``alpha_g = gamma_g / |w_g|^2`` and
    ``beta = (n - gamma) / (2 E)``. No validation set is needed.

    With ``prior="relevance"`` the weights of each input, each later array of weights, and the biases of each hidden
    layer have an ``alpha`` of their own, so that the weights of inputs without influence go to zero. Inputs and targets
    should be standardized.

    The objective has many minima, and the initial strength decides which is reached. So two searches run side by side
    from the same parameters, one with weak and one with strong initial regularization, and the parameters of the one
    with the larger evidence ``ln p = -beta E - sum_g alpha_g |w_g|^2 / 2 - ln det(beta M) / 2 +
    sum_g P_g ln(alpha_g) / 2 + n ln(beta) / 2 + const`` are the result. A step is one step of each, and costs as much.

    The ``loss`` of the logs is ``E`` of the leading search alone; it may rise while the penalty grows, or when the
    other search takes the lead. The logs also report ``alpha`` (a mean), ``beta``, ``gamma``, ``damping``,
    ``log_evidence`` and ``search`` (1 or 2) of that search. A network with a regularizer of its own is refused.

    Args:
        prior: ``"relevance"``, or ``"shared"`` for one ``alpha`` of all of these.
        strength: Initial ``alpha / beta``, relative to the loss at the start, above 0.
        second_strength: The same for the second search; 0 runs one search only, in half the time.
        damping: The initial damping, above 0.
        tolerance: Stop a search when over one step ``gamma``, the ``alpha / beta`` and the penalized loss change by at
            most this fraction; non-negative.

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
    examples = (
        Example(
            inputs={
                "matrix": [[1.0, 0.5], [-1.0, 2.0], [0.5, -1.5], [2.0, 1.0], [-0.5, -1.0], [1.5, -0.5]],
                "target": [1.2, 0.3, -0.4, 2.1, -1.1, 0.9],
                "parameters": [0.5, -0.5],
                "max_steps": 100,
            },
            expected={
                "parameters": [0.8075749113808107, 0.5648563415084412],
                "alpha": 2.0545131520240694,
                "beta": 102.74984486893005,
                "log_evidence": -0.6987060068972228,
                "search": 1.0,
            },
            source="scikit-learn 1.9.1, BayesianRidge without priors of alpha and lambda or an intercept, tol=1e-15",
            hyperparameters={"tolerance": 1e-14},
        ),
        _groups("relevance", [2, 1, 2, 0]),
        _groups("shared", [1, 1, 1, 0]),
        Example(
            inputs={
                "state": {
                    "leader": 1,
                    "groups": np.array([[1, 2, 0], [2, 1, 0]]),
                    "strengths": [[0.0, 7.0, 8.0], [0.0, 0.25, 4.0]],
                }
            },
            expected=[4.0, 0.25, 0.0],
            source="by hand: those of the second search",
            method="strengths",
        ),
    )

    prior: str = choice("relevance", ("relevance", "shared"))
    strength: float = real(1e-2, gt=0.0)
    second_strength: float = real(1e-1, ge=0.0)
    damping: float = real(1e-3, gt=0.0)
    tolerance: float = real(1e-5, ge=0.0)

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        chosen = groups if self.prior == "relevance" else (groups > 0).astype(groups.dtype)
        count = len(self._initial_strengths())
        zeros = np.zeros(count)
        return {
            "groups": np.tile(chosen.astype(np.int64), (count, 1)),
            "strengths": np.zeros((count, int(chosen.max(initial=0)) + 1)),
            "theta": np.tile(parameters, (count, 1)),
            "scale": np.zeros((count, len(parameters))),
            "settled": np.zeros(count, dtype=bool),
            "count": np.zeros(count, dtype=np.int64),
            **{name: zeros.copy() for name in ("damping", "most", "beta", "gamma")},
            "leader": NONE,
        }

    def strengths(self, state: Mapping[str, Any]) -> Array:
        leader = int(state["leader"])
        strengths: Array = np.asarray(state["strengths"])[leader][np.asarray(state["groups"])[leader]]
        return strengths

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
        searches = self._searches(objective, parameters, state)
        leader = _leader(searches)
        for number in range(1, max_steps + 1):
            for search in searches:
                search.step(objective, self.damping, self.tolerance)
            leader = _leader(searches)
            best = searches[leader]
            reason = best.reason if all(search.reason is not None for search in searches) else None
            if reason is None and number == max_steps:
                reason = f"all {max_steps} steps are done"
            states = [search.to_state() for search in searches]
            report = SolverStep(
                step=number,
                parameters=best.theta,
                value=best.loss,
                reason=reason,
                info=best.info() | {"search": leader + 1.0},
                state={name: np.stack([own[name] for own in states]) for name in states[0]} | {"leader": leader},
            )
            if on_step(report) or reason is not None:
                break
        return searches[leader].theta

    def _searches(self, objective: ObjectiveLike, parameters: Array, state: Mapping[str, Any]) -> list[Search]:
        """From a saved state, or new."""
        if state["leader"] == NONE:
            new = {"groups": state["groups"][0], "damping": self.damping, "scale": np.zeros(len(parameters))}
            return [Search.of(objective, parameters, new, strength) for strength in self._initial_strengths()]
        thetas = list(state["theta"])
        own = [{name: state[name][i] for name in state if name != "leader"} for i in range(len(thetas))]
        moved = not np.array_equal(thetas[int(state["leader"])], parameters)
        if moved:
            # The parameters were changed from outside: where the other search stood is of no use there.
            thetas = [parameters] * len(thetas)
        if moved or all(each["settled"] for each in own):
            own = [each | {"settled": False} for each in own]
        return [Search.of(objective, theta, each, self.strength) for theta, each in zip(thetas, own, strict=True)]

    def _initial_strengths(self) -> list[float]:
        return [self.strength, self.second_strength] if self.second_strength else [self.strength]


def _leader(searches: Sequence[Search]) -> int:
    """The index of the search with the largest evidence; the first of equals."""
    return max(range(len(searches)), key=lambda i: searches[i].log_evidence)
