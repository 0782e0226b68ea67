"""Objectives: copies equal fresh ones, shards sum to the whole, and a solver is handed one, wherever it comes from."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from oracles.runs import CLASSES, X, Y, cls, reg

import nnkit
from nnkit import registry
from nnkit.errors import DataError
from nnkit.interfaces import ObjectiveLike, Solver

METHODS = ("value", "gradient", "value_and_gradient", "residual", "jacobian", "gauss_newton", "hvp")
NETWORKS = {
    "plain": lambda: reg(regularizer="l2(strength=0.01)"),
    "float32": lambda: reg(dtype="float32"),
    "classes": cls,
    "normalized": lambda: nnkit.Network([3, "standardize", 6, "layer_norm", 2, 1], seed=0),
}
WEIGHTS = np.random.default_rng(2).uniform(0.5, 2.0, size=80)


def target_of(name):
    return CLASSES if name == "classes" else Y


def methods_of(name):
    return [method for method in METHODS if name != "classes" or method not in {"residual", "jacobian"}]


def results(objective, methods, theta):
    """Every method at ``theta``, as a flat list of arrays."""
    v = np.linspace(-1.0, 1.0, objective.size)
    out = []
    for method in methods:
        value = objective.hvp(theta, v) if method == "hvp" else getattr(objective, method)(theta)
        out += [np.asarray(part) for part in (value if isinstance(value, tuple) else (value,))]
    return out


def assert_equal(expected, actual):
    for one, two in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(one, two)


DUPLICATES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda objective: pickle.loads(pickle.dumps(objective)),
}


@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_duplicate_equals_a_fresh_objective_and_leaves_the_first_alone(name, duplicate, weight):
    net, methods = NETWORKS[name](), methods_of(name)
    objective = net.objective(X, target_of(name), sample_weight=weight)
    theta = net.parameters.copy()
    before = results(objective, methods, theta)
    double = DUPLICATES[duplicate](objective)
    fresh = net.objective(X, target_of(name), sample_weight=weight)
    assert_equal(results(fresh, methods, theta + 1), results(double, methods, theta + 1))
    assert_equal(before, results(objective, methods, theta))
    assert_equal(before, results(double, methods, theta))


def test_a_copy_does_not_write_into_the_vectors_of_the_first():
    net = reg()
    objective = net.objective(X, Y)
    theta = net.parameters.copy()
    objective.value(theta)
    double = copy.deepcopy(objective)
    double.value(theta + 1)
    np.testing.assert_array_equal(net.objective(X, Y).gradient(theta), objective.gradient(theta))
    assert double.value(theta + 1) == net.objective(X, Y).value(theta + 1)


def test_an_objective_outlives_its_network_and_does_not_follow_its_training():
    net = nnkit.Network([3, "standardize(streaming=True)", 8, 1], seed=0)
    net.fit(X, Y, epochs=1)
    theta = net.parameters.copy()
    objective = net.objective(X, Y)
    before = objective.value(theta)
    net.fit(5 * X, Y, epochs=3)
    assert objective.value(theta) == before


# -- Shards ------------------------------------------------------------------------------------------------------------

CUTS = [0, 0, 1, 30, 30, 77, 80]
"""Shards of 0, 1, 29, 0, 47 and 3 rows."""


def shards(net, y, weight, total):
    return [
        net.objective(X[a:b], y[a:b], sample_weight=None if weight is None else weight[a:b], total_weight=total)
        for a, b in itertools.pairwise(CUTS)
    ]


ZEROED = np.where((np.arange(80) >= 30) & (np.arange(80) < 77), 0.0, WEIGHTS)


@pytest.mark.parametrize("weight", [None, WEIGHTS, ZEROED])
@pytest.mark.parametrize("name", NETWORKS)
def test_shards_sum_to_the_whole_empty_and_weightless_ones_too(name, weight):
    net, y = NETWORKS[name](), target_of(name)
    if name == "normalized":
        net.fit(X, y, epochs=1)
    whole = net.objective(X, y, sample_weight=weight)
    total = 80.0 if weight is None else weight.sum()
    parts = shards(net, y, weight, total)
    theta = net.parameters.copy()
    v = np.linspace(-1.0, 1.0, whole.size)
    close = {"rtol": 1e-4, "atol": 1e-5} if name == "float32" else {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(sum(part.value(theta) for part in parts), whole.value(theta), **close)
    np.testing.assert_allclose(sum(part.gradient(theta) for part in parts), whole.gradient(theta), **close)
    np.testing.assert_allclose(sum(part.hvp(theta, v) for part in parts), whole.hvp(theta, v), **close)
    for index in (0, 1):
        sums = sum(part.gauss_newton(theta)[index] for part in parts)
        np.testing.assert_allclose(sums, whole.gauss_newton(theta)[index], **close)
    if name == "classes":
        return
    assert sum(float(part.residual(theta) @ part.residual(theta)) for part in parts) == pytest.approx(
        float(whole.residual(theta) @ whole.residual(theta)), rel=1e-4
    )
    for part in parts:
        assert part.residual(theta).shape == (part.residual_size,)
        assert part.jacobian(theta).shape == (part.residual_size, part.size)
        np.testing.assert_allclose(part.jacobian(theta).T @ part.residual(theta), part.gradient(theta), **close)


def test_an_empty_objective_alone_is_refused():
    net = reg()
    with pytest.raises(DataError, match="X is empty"):
        net.objective(X[:0], Y[:0])
    with pytest.raises(DataError, match="sample_weight"):
        net.objective(X, Y, sample_weight=np.zeros(80))


@pytest.mark.parametrize("total", [0.0, -1.0, np.nan, np.inf, 3.0])
def test_a_total_weight_that_cannot_be_is_refused(total):
    with pytest.raises(DataError, match="total_weight"):
        reg().objective(X, Y, total_weight=total)


@pytest.mark.parametrize("scale", [1e-310, 1e307])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_any_scale_make_the_same_objective(scale, dtype):
    net = reg(dtype=dtype)
    theta = net.parameters.copy()
    expected = net.objective(X, Y, sample_weight=np.full(80, 2.0))
    actual = net.objective(X, Y, sample_weight=np.full(80, scale))
    np.testing.assert_allclose(actual.gradient(theta), expected.gradient(theta), rtol=1e-5)
    assert actual.value(theta) == pytest.approx(expected.value(theta), rel=1e-5)


# -- The protocol ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_residual_size_is_the_length_of_the_residual(name):
    net = NETWORKS[name]()
    objective = net.objective(X, target_of(name))
    assert objective.size == net.layout.size
    assert objective.dtype == net.parameters.dtype
    if name != "classes":
        assert objective.residual_size == objective.residual(net.parameters).size


class Summed:
    """An objective made of shards, as another engine would make it; nothing of nnkit's own class in it."""

    def __init__(self, net, cuts):
        self.parts = [net.objective(X[a:b], Y[a:b], total_weight=80.0) for a, b in itertools.pairwise(cuts)]
        self.asked = []

    @property
    def size(self):
        return self.parts[0].size

    @property
    def dtype(self):
        return self.parts[0].dtype

    @property
    def residual_size(self):
        return sum(part.residual_size for part in self.parts)

    def value(self, theta):
        return sum(part.value(theta) for part in self.parts)

    def gradient(self, theta):
        return sum(part.gradient(theta) for part in self.parts)

    def value_and_gradient(self, theta):
        return self.value(theta), self.gradient(theta)

    def residual(self, theta):
        self.asked.append("residual")
        return np.concatenate([part.residual(theta) for part in self.parts])

    def jacobian(self, theta):
        self.asked.append("jacobian")
        return np.concatenate([part.jacobian(theta) for part in self.parts])

    def gauss_newton(self, theta):
        self.asked.append("gauss_newton")
        both = [part.gauss_newton(theta) for part in self.parts]
        return sum(matrix for matrix, _ in both), sum(gradient for _, gradient in both)

    def hvp(self, theta, v):
        return sum(part.hvp(theta, v) for part in self.parts)


SOLVERS = sorted(name for name in registry.names("optimizer") if isinstance(registry.create("optimizer", name), Solver))


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_works_on_the_protocol_alone(name):
    net = reg()
    values = []
    solver = registry.create("optimizer", name)
    objective: ObjectiveLike = Summed(net, [0, 25, 60, 80])

    def on_step(report):
        values.append(report.value)
        return False

    theta = net.parameters.copy()
    if solver.offers("begin"):
        groups = np.ones(objective.size, dtype=np.int64)
        solver.solve_from(objective, theta, solver.begin(theta, groups), max_steps=5, on_step=on_step)
    else:
        solver.solve(objective, theta, max_steps=5, on_step=on_step)
    assert values[-1] < objective.value(theta)


def test_levenberg_marquardt_does_not_ask_for_a_residual_to_learn_its_length(monkeypatch):
    from nnkit.optimizers import levenberg_marquardt

    monkeypatch.setattr(levenberg_marquardt, "JACOBIAN_LIMIT", 10)
    objective = Summed(reg(), [0, 40, 80])
    solver = registry.create("optimizer", "levenberg_marquardt")
    theta = reg().parameters.copy()
    solver.solve(objective, theta, max_steps=3, on_step=lambda report: False)
    assert set(objective.asked) == {"gauss_newton"}


def test_every_member_of_the_protocol_is_offered_by_the_objective():
    objective = reg().objective(X, Y)
    members = {name for name in vars(ObjectiveLike) if not name.startswith("_")}
    assert members >= {*METHODS, "size", "dtype", "residual_size"}
    assert all(hasattr(objective, name) for name in members)
