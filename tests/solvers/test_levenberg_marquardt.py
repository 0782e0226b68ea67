"""Levenberg-Marquardt: it converges, never rises, resumes bit-identically, and copes with ill-conditioned problems."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize

import nnkit
from nnkit.interfaces import ObjectiveLike, SolverStep
from nnkit.optimizers.bayesian_regularization import BayesianRegularization
from nnkit.optimizers.gauss_newton import GaussNewton
from nnkit.optimizers.levenberg_marquardt import LevenbergMarquardt

SOLVERS = ("levenberg_marquardt", "gauss_newton", "bayesian_regularization")


def wave(samples=100, seed=0):
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (samples, 2))
    a, b = X.T
    return X, np.sin(3.0 * a) * np.cos(2.0 * b) + a * b / 2.0


def record(net, X, y, **options):
    """Solve on the network's objective; returns what was reported."""
    reports: list[SolverStep] = []
    objective = net.objective(X, y)

    def on_step(report):
        reports.append(report)
        return False

    best = net.optimizer.solve(
        objective, net.parameters.copy(), max_steps=options.pop("max_steps", 200), on_step=on_step
    )
    return objective, reports, best


@pytest.mark.parametrize("seed", [0, 1])
def test_the_wave_is_learnt_to_1e_6(seed):
    X, y = wave(400, seed)
    net = nnkit.Network([2, 20, 1], hidden_activation="tanh", optimizer="trainlm", seed=seed)
    history = net.fit(X, y, epochs=300)
    assert history["loss"][-1] <= 1e-6
    assert all(np.diff(history["loss"]) <= 0.0)


@pytest.mark.parametrize("scaling", ["more", "marquardt", "none"])
def test_a_linear_problem_is_solved_at_once(scaling):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    # The first step leaves as much of the way as the damping; whether a second, which lowers the value by less than its
    # last digit, is taken is up to the rounding of the CPU.
    net = nnkit.Network([4, 1], optimizer=LevenbergMarquardt(scaling=scaling, damping=1e-12), seed=0)
    net.fit(X, y, epochs=20)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(30)]), y, rcond=None)[0]
    assert np.allclose(expected, net.parameters, rtol=1e-9, atol=0)
    assert len(net.history["loss"]) < 10


@pytest.mark.parametrize("regularizer", [None, "l2(strength=0.001)"])
def test_lands_where_scipy_lands(regularizer):
    X, y = wave(60)
    net = nnkit.Network(
        [2, 2, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", regularizer=regularizer, seed=3
    )
    objective, reports, best = record(net, X, y, max_steps=500)
    found = optimize.least_squares(
        objective.residual, best + 0.01, jac=objective.jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    quasi = optimize.minimize(objective.value_and_gradient, best + 0.01, jac=True, method="BFGS", tol=1e-9)
    assert found.cost == pytest.approx(reports[-1].value, rel=1e-6)
    assert quasi.fun == pytest.approx(reports[-1].value, rel=1e-6)


def test_gauss_newton_equals_it_on_squares():
    X, y = wave(60)
    nets = [
        nnkit.Network([2, 5, 1], hidden_activation="tanh", optimizer=part, seed=1)
        for part in (LevenbergMarquardt(damping=1e-2), GaussNewton(damping=1e-2))
    ]
    for net in nets:
        net.fit(X, y, epochs=12)
    assert np.allclose(nets[0].parameters, nets[1].parameters, rtol=1e-8)


def test_gauss_newton_finds_the_logistic_regression_that_newton_finds():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 3))
    y = (X @ [1.0, -2.0, 0.5] + rng.logistic(size=200) > 0).astype(float)
    net = nnkit.Network(
        [3, 1],
        output_activation="sigmoid",
        loss="binary_crossentropy",
        regularizer="l2(strength=0.01)",
        optimizer="gauss_newton",
        seed=0,
    )
    net.fit(X, y, epochs=50)
    objective = net.objective(X, y)
    expected = optimize.minimize(objective.value_and_gradient, np.zeros(4), jac=True, method="BFGS", tol=1e-12).x
    assert np.allclose(expected, net.parameters, atol=1e-6)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("cut", [1, 4])
def test_two_calls_equal_one(name, cut, tmp_path):
    X, y = wave(50)
    y = y + np.random.default_rng(1).normal(0.0, 0.1, y.shape)
    whole, parts = (nnkit.Network([2, 4, 1], hidden_activation="tanh", optimizer=name, seed=0) for _ in range(2))
    whole.fit(X, y, epochs=9)
    parts.fit(X, y, epochs=cut)
    parts.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    loaded.fit(X, y, epochs=9 - cut)
    assert np.array_equal(whole.parameters, loaded.parameters)
    assert whole.history == loaded.history


def case(name):
    rng = np.random.default_rng(0)
    X, y = wave(40)
    y = y + rng.normal(0.0, 0.05, y.shape)
    match name:
        case "duplicate columns":
            return np.column_stack([X, X]), y, {}
        case "constant inputs":
            return np.column_stack([X, np.full(40, 3.0), np.zeros(40)]), y, {}
        case "only constant inputs":
            return np.zeros((40, 2)), y, {}
        case "more parameters than residuals":
            return X[:5], y[:5], {}
        case "one sample":
            return X[:1], y[:1], {}
        case "saturated start":
            return X * 1e4, y, {}
        case "constant target":
            return X, np.zeros(40), {}
        case "huge targets":
            return X, y * 1e200, {}
        case "tiny targets":
            return X, y * 1e-150, {}
        case "overflow":
            return X * 1e200, y * 1e200, {"hidden_activation": "relu"}
    raise ValueError(name)


ILL = (
    "duplicate columns",
    "constant inputs",
    "only constant inputs",
    "more parameters than residuals",
    "one sample",
    "saturated start",
    "constant target",
    "huge targets",
    "tiny targets",
    "overflow",
)


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("solver", SOLVERS)
def test_ill_cases_end_with_a_reason_and_the_best_parameters(name, solver):
    X, y, options = case(name)
    net = nnkit.Network([X.shape[1], 6, 1], **({"hidden_activation": "tanh"} | options), optimizer=solver, seed=0)
    objective, reports, best = record(net, X, y, max_steps=150)
    assert reports[-1].reason
    assert all(report.reason is None for report in reports[:-1])
    assert [*range(1, len(reports) + 1)] == [report.step for report in reports]
    assert np.array_equal(best, reports[-1].parameters)
    assert np.isfinite(best).all()
    if solver != "bayesian_regularization":
        values = [objective.value(net.parameters), *(report.value for report in reports)]
        assert all(after <= before or not np.isfinite(before) for before, after in itertools.pairwise(values))
    assert reports[-1].value == pytest.approx(objective.value(best), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_perfect_fit_from_the_start_is_left_alone(solver):
    X = np.random.default_rng(0).normal(size=(20, 2))
    net = nnkit.Network([2, 3, 1], hidden_activation="tanh", optimizer=solver, seed=0)
    _, reports, best = record(net, X, net.predict(X))
    assert len(reports) == 1
    assert "zero" in reports[0].reason
    assert np.array_equal(net.parameters, best)


class Cliff(ObjectiveLike):
    """``r = (theta - 3, …)``, not finite beyond ``edge``."""

    def __init__(self, edge):
        self.edge, self.values = edge, 0

    @property
    def residual_size(self):
        return 2

    def residual(self, theta):
        return np.where(theta > self.edge, np.nan, theta - 3.0) ** 2 + 0.1

    def jacobian(self, theta):
        return np.diag(2.0 * np.where(theta > self.edge, np.nan, theta - 3.0))

    def value(self, theta):
        self.values += 1
        return 0.5 * float(self.residual(theta) @ self.residual(theta))

    def gauss_newton(self, theta):
        J = self.jacobian(theta)
        return J.T @ J, J.T @ self.residual(theta)


@pytest.mark.parametrize("part", [LevenbergMarquardt(damping=1e-12), GaussNewton(damping=1e-12)])
def test_a_trial_that_is_not_finite_is_damped(part):
    objective = Cliff(edge=0.2)
    reports = []
    best = part.solve(
        objective, np.array([0.0, -1.0]), max_steps=80, on_step=lambda report: bool(reports.append(report))
    )
    assert np.isfinite(best).all()
    assert (best <= 0.2).all()
    assert objective.value(best) < objective.value(np.array([0.0, -1.0]))
    assert reports[0].info["rejected"] > 0
    assert reports[-1].reason


def test_bayesian_regularization_steps_back_from_a_trial_that_is_not_finite():
    objective, start = Cliff(edge=0.2), np.array([0.0, -1.0])
    part, reports = BayesianRegularization(damping=1e-12), []
    best = part.solve(objective, start, max_steps=80, on_step=lambda report: bool(reports.append(report)))
    assert (best <= 0.2).all()
    assert objective.value(best) < objective.value(start)
    assert np.isfinite([report.value for report in reports]).all()
    assert reports[-1].reason


@pytest.mark.parametrize("part", [LevenbergMarquardt(), GaussNewton(), BayesianRegularization()])
def test_a_start_that_is_not_finite_is_given_back(part):
    reports = []
    start = np.array([1.0, 1.0])
    best = part.solve(Cliff(edge=0.2), start, max_steps=5, on_step=lambda report: bool(reports.append(report)))
    assert np.array_equal(start, best)
    assert reports[0].reason in {"the value at the start is nan", "the value is nan"}


def test_one_jacobian_a_step_and_one_value_a_trial():
    X, y = wave(30)
    net = nnkit.Network([2, 4, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
    objective = net.objective(X, y)
    counts = {"value": 0, "jacobian": 0}

    class Counting:
        def __getattr__(self, name):
            attribute = getattr(objective, name)
            if not callable(attribute):
                return attribute

            def counted(theta):
                counts[name] = counts.get(name, 0) + 1
                return attribute(theta)

            return counted

    reports = []
    net.optimizer.solve(Counting(), net.parameters, max_steps=20, on_step=lambda report: bool(reports.append(report)))
    rejected = sum(report.info["rejected"] for report in reports)
    assert counts == {"value": 1 + 20 + rejected, "jacobian": 1 + 20, "residual": 1 + 20}


def test_few_residuals_and_many_make_the_same_step():
    """The dual system, the normal equations and the augmented rows are one step."""
    from nnkit.optimizers._quadratic import Normal, Rows

    rng = np.random.default_rng(0)
    for shape in ((4, 9), (9, 4), (6, 6)):
        J, r = rng.normal(size=shape), rng.normal(size=shape[0])
        scale = rng.uniform(0.5, 2.0, shape[1])
        expected = np.linalg.solve(J.T @ J + 0.3 * np.diag(scale), -J.T @ r)
        rows, normal = Rows(J, r), Normal(J.T @ J, J.T @ r)
        assert np.allclose(expected, rows.steps(scale)(0.3), rtol=1e-12)
        assert np.allclose(expected, normal.steps(scale)(0.3), rtol=1e-12)
        inverse = 1.0 / np.sqrt(scale)
        assert np.allclose(expected, inverse * rows._augmented(0.3, inverse), rtol=1e-12)


def test_a_singular_matrix_is_still_stepped_through():
    from nnkit.optimizers._quadratic import Normal, Rows

    J = np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    r = np.array([1.0, 2.0, 0.0])
    for model in (Rows(J, r), Normal(J.T @ J, J.T @ r)):
        step = model.steps(np.ones(2))(1e-18)
        assert np.allclose([-0.5, -0.5], step, rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_losses_and_penalties_that_do_not_fit_are_refused_before_anything_moves(solver):
    X, y = wave(20)
    if solver != "gauss_newton":
        net = nnkit.Network([2, 3, 1], loss="log_cosh", optimizer=solver, seed=0)
        with pytest.raises(nnkit.errors.SpecError, match="sum of squares"):
            net.fit(X, y)
        assert net.epoch == 0
    net = nnkit.Network([2, 3, 1], optimizer=solver, regularizer="l1", seed=0)
    if solver == "gauss_newton":
        net.fit(X, y, epochs=2)
    else:
        with pytest.raises(nnkit.errors.SpecError, match="L1"):
            net.fit(X, y)


def test_training_with_it_is_like_every_other_training(tmp_path):
    X, y = wave(60)
    net = nnkit.Network([2, 5, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
    history = net.fit(
        X,
        y,
        epochs=15,
        validation_split=0.3,
        metrics=["r2"],
        callbacks=["early_stopping(monitor='val_loss', patience=3)"],
    )
    assert {"epoch", "loss", "val_loss", "r2", "val_r2", "damping", "gain_ratio", "rejected", "slope"} <= set(history)
    assert len(history["damping"]) == len(history["loss"])
    net.save(tmp_path / "net.npz")
    assert np.array_equal(net.predict(X), nnkit.Network.load(tmp_path / "net.npz").predict(X))
    net.optimizer = nnkit.plugins.create("optimizer", "gauss_newton")
    net.fit(X, y, epochs=2)  # another solver starts with a state of its own


def test_float32_ends_at_its_own_precision():
    X, y = wave(80)
    net = nnkit.Network([2, 6, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
    history = net.fit(X.astype(np.float32), y.astype(np.float32), epochs=200)
    assert net.parameters.dtype == np.float32
    assert history["loss"][-1] < 1e-3
    assert all(np.diff(history["loss"]) <= 0.0)
