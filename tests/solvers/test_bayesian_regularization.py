"""Bayesian regularization: the evidence is that of theory, and it chooses between two searches."""

from __future__ import annotations

import copy

import attrs
import numpy as np
import pytest
from scipy import linalg, stats

import nnkit
from nnkit.core.solving import weight_groups
from nnkit.optimizers.bayesian_regularization import BayesianRegularization


class Linear:
    """``r = J theta - b``."""

    def __init__(self, J, b):
        self.J, self.b, self.asked = J, b, []

    def residual(self, theta):
        self.asked.append(theta.copy())
        return self.J @ theta - self.b

    def value(self, theta):
        r = self.residual(theta)
        return 0.5 * float(r @ r)

    def gauss_newton(self, theta):
        return self.J.T @ self.J, self.J.T @ self.residual(theta)


def run(part, objective, theta, state, steps):
    """What was found, and every report."""
    reports = []

    def on_step(report):
        reports.append(attrs.evolve(report, parameters=report.parameters.copy(), state=copy.deepcopy(report.state)))
        return False

    return part.solve_from(objective, theta, state, max_steps=steps, on_step=on_step), reports


def noisy(kind, samples=60, seed=0):
    """Standardized data that ask for a curved function, or for a straight one."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(samples, 3))
    y = np.sin(2.0 * X[:, 0]) * X[:, 1] if kind == "curved" else X @ [1.0, -0.5, 0.0]
    y = y + rng.normal(0.0, 0.1 if kind == "curved" else 1.5, samples)
    return X, (y - y.mean()) / y.std()


def problem(kind, hidden=8, seed=0):
    """Objective, start and state before the first step."""
    X, y = noisy(kind, seed=seed)
    net = nnkit.Network([3, hidden, 1], hidden_activation="tanh", seed=seed)
    objective = net.objective(X, y)
    groups = weight_groups(net._model)
    return objective, net.parameters.copy(), groups


@pytest.mark.parametrize("groups", [[1, 1, 2, 2, 3], [0, 1, 1, 2, 2], [0, 0, 1, 1, 1]])
def test_the_log_evidence_of_a_linear_model_is_exact(groups):
    """Against the normal density of the data with the parameters integrated out; the free ones by a flat prior."""
    rng, groups = np.random.default_rng(3), np.array(groups)
    J = rng.normal(size=(25, 5))
    b = J @ rng.normal(size=5) + rng.normal(size=25)
    part = BayesianRegularization(tolerance=1e-12)
    _, reports = run(part, Linear(J, b), rng.normal(size=5), part.begin(np.zeros(5), groups), 300)
    last = reports[-1]
    strengths = last.state["strengths"][last.state["leader"]]
    beta = last.info["beta"]
    bound, free = groups > 0, J[:, groups == 0]
    covariance = np.eye(25) / beta + J[:, bound] / (beta * strengths[groups[bound]]) @ J[:, bound].T
    # No data in the directions of the free parameters: the rest of b is normal, and the flat prior leaves a volume.
    rest = linalg.null_space(free.T) if free.size else np.eye(25)
    expected = stats.multivariate_normal(cov=rest.T @ covariance @ rest).logpdf(rest.T @ b)
    expected -= 0.5 * np.linalg.slogdet(free.T @ free)[1]
    assert expected == pytest.approx(last.info["log_evidence"], rel=1e-9)


@pytest.mark.parametrize(("kind", "leads"), [("curved", 1), ("straight", 2)])
def test_the_search_with_the_larger_evidence_wins(kind, leads):
    objective, start, groups = problem(kind)
    ends = []
    for part in (
        BayesianRegularization(second_strength=0.0),
        BayesianRegularization(strength=0.1, second_strength=0.0),
        BayesianRegularization(),
    ):
        best, reports = run(part, objective, start, part.begin(start, groups), 80)
        assert np.array_equal(best, reports[-1].parameters)
        assert reports[-1].value == objective.value(best)
        ends.append((reports[-1].info["log_evidence"], best, reports[-1].info["search"]))
    weak, strong, both = ends
    expected = max(weak, strong, key=lambda end: end[0])
    assert abs(weak[0] - strong[0]) > 1.0
    assert expected[0] == both[0]
    assert np.array_equal(expected[1], both[1])
    assert leads == both[2]


@pytest.mark.parametrize(("hidden", "seed"), [(2, 1), (3, 2)])
def test_every_resumed_run_is_bit_identical(hidden, seed):
    """Wherever it is cut: while either search leads, and after one of them has settled."""
    part = BayesianRegularization(tolerance=0.1)
    objective, start, groups = problem("curved", hidden=hidden, seed=seed)
    whole, reports = run(part, objective, start, part.begin(start, groups), 60)
    assert {1.0, 2.0} == {report.info["search"] for report in reports}
    assert {0, 1, 2} == {int(report.state["settled"].sum()) for report in reports}
    assert "change by no more" in reports[-1].reason
    for cut in range(1, len(reports)):
        middle = reports[cut - 1]
        again, rest = run(part, objective, middle.parameters, middle.state, 60 - cut)
        assert np.array_equal(whole, again)
        assert [report.value for report in reports[cut:]] == [report.value for report in rest]
        assert [report.info for report in reports[cut:]] == [report.info for report in rest]


def test_both_searches_go_on_from_parameters_that_were_set():
    rng = np.random.default_rng(0)
    objective = Linear(rng.normal(size=(20, 3)), rng.normal(size=20))
    part = BayesianRegularization()
    _, reports = run(part, objective, np.ones(3), part.begin(np.ones(3), np.array([1, 1, 2])), 2)
    moved = np.array([5.0, -5.0, 5.0])
    objective.asked.clear()
    part.solve_from(objective, moved, reports[-1].state, max_steps=0, on_step=lambda _report: False)
    assert objective.asked
    assert all(np.array_equal(moved, theta) for theta in objective.asked)


def test_each_reported_lead_has_the_larger_evidence_of_the_two():
    objective, start, groups = problem("straight")
    alone = []
    for strength in (0.01, 0.1):
        part = BayesianRegularization(strength=strength, second_strength=0.0)
        _, reports = run(part, objective, start, part.begin(start, groups), 30)
        alone.append([report.info["log_evidence"] for report in reports])
    part = BayesianRegularization()
    _, reports = run(part, objective, start, part.begin(start, groups), 30)
    # A search that has settled stays where it is.
    filled = [own + own[-1:] * (len(reports) - len(own)) for own in alone]
    assert [max(pair) for pair in zip(*filled, strict=True)] == [report.info["log_evidence"] for report in reports]
