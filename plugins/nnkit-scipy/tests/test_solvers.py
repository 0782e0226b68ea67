"""scipy's optimizers by name: they end where scipy itself ends, report it correctly, and stop when asked to."""

import itertools

import numpy as np
import pytest
from scipy import optimize

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit_scipy.lbfgs import LBFGS
from nnkit_scipy.least_squares import LeastSquares
from nnkit_scipy.trust_krylov import TrustKrylov

PARTS = (LBFGS(), TrustKrylov(), LeastSquares(), LeastSquares(method="dogbox"))
NAMES = ("lbfgs", "trust_krylov", "least_squares")


def problem(samples=60):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (samples, 2))
    return X, np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2 + rng.normal(0.0, 0.05, samples)


def network(part, **more):
    options = {"hidden_activation": "tanh", "regularizer": "l2(strength=0.01)", "seed": 1} | more
    return nnkit.Network([2, 3, 1], optimizer=part, **options)


def independent(objective, seed):
    """What scipy itself finds from parameters that have never seen the network's."""
    start = np.random.default_rng([seed, 77]).normal(0.0, 0.7, objective.size)
    options = {"gtol": 1e-9, "maxiter": 5000}
    return optimize.minimize(objective.value_and_gradient, start, jac=True, method="BFGS", options=options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_lands_where_scipy_lands_from_a_start_of_its_own(part, weighted):
    """The lowest of four starts on either side, for there are several minima."""
    X, y = problem()
    weight = np.random.default_rng(1).uniform(0.2, 3.0, len(X)) if weighted else None
    nets = [network(part, seed=seed) for seed in range(4)]
    for net in nets:
        net.fit(X, y, epochs=2000, sample_weight=weight)
    objective = nets[0].objective(X, y, sample_weight=weight)
    best = min(nets, key=lambda net: objective.value(net.parameters))
    again = min((independent(objective, seed) for seed in range(4)), key=lambda result: result.fun)
    assert again.fun == pytest.approx(objective.value(best.parameters), rel=1e-8)
    assert np.abs(objective.gradient(best.parameters)).max() < 1e-4
    prediction = best.predict(X)
    best.parameters = again.x
    assert np.allclose(best.predict(X), prediction, atol=1e-3 * np.abs(prediction).max())


def ill(name):
    X, y = problem(40)
    match name:
        case "duplicate columns":
            return np.column_stack([X, X]), y
        case "constant inputs":
            return np.column_stack([X, np.full(40, 3.0), np.zeros(40)]), y
        case "only constant inputs":
            return np.zeros((40, 2)), y
        case "more parameters than residuals":
            return X[:5], y[:5]
        case "one sample":
            return X[:1], y[:1]
        case "saturated start":
            return X * 1e4, y
        case "constant target":
            return X, np.zeros(40)
        case "huge targets":
            return X, y * 1e200
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
)


def followed(part, objective, start, max_steps):
    """The result, and every report with a copy of its parameters."""
    reports = []
    best = part.solve(
        objective,
        start,
        max_steps=max_steps,
        on_step=lambda report: bool(
            reports.append((report.step, report.value, report.reason, report.parameters.copy()))
        ),
    )
    return best, reports


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_ill_cases_end_with_a_reason_and_the_best_parameters(part, name):
    X, y = ill(name)
    net = nnkit.Network([X.shape[1], 6, 1], hidden_activation="tanh", optimizer=part, seed=0)
    objective, start = net.objective(X, y), net.parameters.copy()
    best, reports = followed(part, objective, start, 100)
    assert len(reports[-1][2]) > 10
    assert "ABNORMAL" not in reports[-1][2]
    assert np.array_equal(best, reports[-1][3])
    assert np.isfinite(best).all()
    values = [objective.value(start), *(value for _, value, *_ in reports)]
    assert all(after <= before for before, after in itertools.pairwise(values))
    assert values[-1] == pytest.approx(objective.value(best), rel=1e-9)


class Cliff:
    """``r = (theta - 3)^2 + 0.1``, not finite beyond an edge."""

    edge = 0.2

    def residual(self, theta):
        return np.where(theta > self.edge, np.nan, theta - 3.0) ** 2 + 0.1

    def jacobian(self, theta):
        return np.diag(2.0 * np.where(theta > self.edge, np.nan, theta - 3.0))

    def value(self, theta):
        return 0.5 * float(self.residual(theta) @ self.residual(theta))

    def value_and_gradient(self, theta):
        return self.value(theta), self.jacobian(theta).T @ self.residual(theta)

    def hvp(self, theta, v):
        J = self.jacobian(theta)
        return J.T @ (J @ v) + 2.0 * self.residual(theta) * v


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_trial_that_is_not_finite_is_no_end(part):
    objective, start = Cliff(), np.array([0.0, -1.0])
    best, reports = followed(part, objective, start, 60)
    assert (best <= 0.2).all()
    assert objective.value(best) < 0.75 * objective.value(start)
    assert reports[-1][2]


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_start_that_is_not_finite_is_given_back(part):
    start = np.array([1.0, 1.0])
    best, reports = followed(part, Cliff(), start, 5)
    assert np.array_equal(start, best)
    assert "at the start is nan" in reports[-1][2]


class Steep(Cliff):
    """A value without derivatives."""

    def jacobian(self, theta):
        return np.full((2, 2), np.inf)


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_derivatives_that_are_not_finite_are_the_reason(part):
    start = np.array([0.0, 0.0])
    best, reports = followed(part, Steep(), start, 5)
    assert np.array_equal(start, best)
    assert "the derivatives at the start are not finite" in reports[-1][2]


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_reports_are_numbered_true_and_end_with_a_reason(part):
    X, y = problem()
    net = network(part)
    objective, reports = net.objective(X, y), []
    start = net.parameters.copy()
    best = part.solve(
        objective,
        start,
        max_steps=12,
        on_step=lambda report: bool(
            reports.append((report.step, report.value, report.reason, report.parameters.copy()))
        ),
    )
    assert [step for step, *_ in reports] == [*range(1, len(reports) + 1)]
    assert len(reports) <= 12
    values = [value for _, value, *_ in reports]
    assert all(np.diff([objective.value(start), *values]) <= 0.0)
    assert values == pytest.approx([objective.value(parameters) for *_, parameters in reports], rel=1e-12)
    assert reports[-1][2] == "all 12 steps are done"
    assert all(reason is None for *_, reason, _ in reports[:-1])
    assert np.array_equal(best, reports[-1][3])
    assert np.array_equal(network(part).parameters, start)


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_stops_when_told(part):
    X, y = problem()
    seen = []
    best = part.solve(
        network(part).objective(X, y),
        network(part).parameters,
        max_steps=50,
        on_step=lambda report: bool(seen.append(report.parameters.copy()) or report.step == 3),
    )
    assert len(seen) == 3
    assert np.array_equal(best, seen[-1])


@pytest.mark.parametrize("name", NAMES)
def test_trains_by_name_with_history_callbacks_and_files(name, tmp_path):
    X, y = problem()
    net = network(name)
    history = net.fit(X, y, epochs=20, validation_split=0.2, metrics=["r2"])
    assert len(history["loss"]) == net.epoch <= 20
    assert history["loss"][-1] < history["loss"][0]
    net.save(tmp_path / "net.npz")
    assert np.array_equal(net.predict(X), nnkit.Network.load(tmp_path / "net.npz").predict(X))


def test_losses_that_are_no_sums_of_squares():
    X, y = problem()
    labels = (y > 0.3).astype(float)
    for name in ("lbfgs", "trust_krylov"):
        net = network(name, output_activation="sigmoid", loss="binary_crossentropy")
        assert net.fit(X, labels, epochs=30)["loss"][-1] < 0.6
    with pytest.raises(nnkit.errors.SpecError, match="sum of squares"):
        network("least_squares", output_activation="sigmoid", loss="binary_crossentropy").fit(X, labels)


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_perfect_fit_is_left_alone(part):
    X, _ = problem()
    net = network(part, regularizer=None)
    before = net.parameters.copy()
    net.fit(X, net.predict(X), epochs=5)
    assert np.allclose(before, net.parameters, atol=1e-7)
    assert net.epoch >= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_resumed_run_repeats_its_steps_and_goes_on(part, dtype, tmp_path):
    """scipy has no state to save, so a resumed run makes the earlier steps again: the end is bit-identical."""
    X, y = problem()
    checkpoints = [f"checkpoint(path='{tmp_path}/{{epoch}}.npz')"]
    whole = network(part, dtype=dtype)
    whole.fit(X, y, epochs=12, callbacks=checkpoints)
    for cut in (1, 5, 11):
        again = nnkit.Network.load(tmp_path / f"{cut}.npz")
        assert again.epoch == cut
        again.fit(X, y, resume=True, callbacks=checkpoints)
        assert np.array_equal(whole.parameters, again.parameters)
        assert whole.history == again.history
    longer = network(part, dtype=dtype)
    longer.fit(X, y, epochs=4)
    longer.fit(X, y, epochs=12, resume=True)
    assert np.array_equal(whole.parameters, longer.parameters)


def test_a_new_run_begins_from_the_present_parameters():
    X, y = problem()
    first, second = network("lbfgs"), network("lbfgs", seed=9)
    first.fit(X, y, epochs=5)
    second.fit(X, y, epochs=1)
    second.parameters = first.parameters
    first.fit(X, y, epochs=5)
    second.fit(X, y, epochs=5)
    assert np.array_equal(first.parameters, second.parameters)


def test_parameters_that_were_assigned_or_written_to_are_gone_on_from():
    """Assigned ones are known to be new; those written in place are noticed when the repeated steps differ."""
    X, y = problem()
    assigned, written, fresh = (network("lbfgs") for _ in range(3))
    for net in (assigned, written, fresh):
        net.fit(X, y, epochs=3)
    moved = 0.9 * assigned.parameters
    assigned.parameters = moved
    assigned.fit(X, y, epochs=8, resume=True)
    written.parameters[:] = moved
    with pytest.warns(nnkit.errors.TrainingWarning, match=r"LBFGS does not come to the parameters .* 3 steps"):
        written.fit(X, y, epochs=8, resume=True)
    fresh.parameters = moved
    fresh.fit(X, y, epochs=5)
    assert np.array_equal(assigned.parameters, fresh.parameters)
    assert np.array_equal(written.parameters, fresh.parameters)


@pytest.mark.parametrize("event", ["epoch_begin", "epoch_end"])
def test_a_callback_that_moves_the_parameters_begins_the_solver_anew(event, tmp_path):
    X, y = problem()
    moves = LambdaCallback(**{event: lambda view: view.epoch == 4 and view.set_parameters(0.9 * view.parameters)})
    callbacks = [moves, f"checkpoint(path='{tmp_path}/{{epoch}}.npz')"]
    whole = network("lbfgs")
    whole.fit(X, y, epochs=10, callbacks=callbacks)
    for cut in (3, 4, 5, 9):
        again = nnkit.Network.load(tmp_path / f"{cut}.npz")
        again.fit(X, y, resume=True, callbacks=callbacks)
        assert np.array_equal(whole.parameters, again.parameters)


def test_lbfgs_ends_when_its_evaluations_are_used_up():
    X, y = problem()
    few, many = network(LBFGS(max_evaluations=8)), network(LBFGS())
    assert len(few.fit(X, y, epochs=100)["loss"]) <= 8 < len(many.fit(X, y, epochs=100)["loss"])
    assert "scipy: the evaluations of the objective that it may make are used up" == few.stop_reason
