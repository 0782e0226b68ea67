"""scipy's optimizers by name: they land where scipy itself lands, tell the truth, and stop when told."""

import numpy as np
import pytest
from scipy import optimize

import nnkit
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


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_lands_where_scipy_lands(part):
    X, y = problem()
    net = network(part)
    net.fit(X, y, epochs=2000)
    objective, here = net.objective(X, y), net.parameters.copy()
    again = optimize.minimize(objective.value_and_gradient, here, jac=True, method="BFGS", tol=1e-10)
    assert again.fun == pytest.approx(objective.value(here), rel=1e-6)
    assert np.abs(objective.gradient(here)).max() < 1e-4


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
    assert reports[-1][2] == "all 12 steps are made"
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
