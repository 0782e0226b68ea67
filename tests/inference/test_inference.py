"""Inference against closed forms, refits and simulated data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import nnkit
from nnkit.inference import diagnose, influence, intervals, sensitivities
from nnkit.inference.student import student_quantile

LINEAR = {"optimizer": "levenberg_marquardt", "seed": 0}


def fitted(X, y, *, weight=None, epochs=100, **options):
    net = nnkit.Network([X.shape[1], *options.pop("hidden", []), np.atleast_2d(y.T).shape[0]], **(LINEAR | options))
    net.fit(X, y, epochs=epochs, sample_weight=weight)
    return net


@pytest.mark.parametrize("degrees", [1.0, 2.0, 3.7, 10.0, 55.5, 1000.0, 1e6])
@pytest.mark.parametrize("probability", [0.001, 0.3, 0.5, 0.9, 0.975, 0.9999])
def test_student_quantiles_equal_scipys(probability, degrees):
    expected = stats.t.ppf(probability, degrees)
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("of", ["observation", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_network_has_the_textbook_intervals(of, weighted):
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(30, 3)), rng.normal(size=(5, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(0.0, 0.3, 30)
    w = rng.uniform(0.3, 3.0, 30) if weighted else np.ones(30)
    w /= w.mean()
    net = fitted(X, y, weight=w if weighted else None)
    A, a = np.column_stack([np.ones(30), X]), np.column_stack([np.ones(5), new])
    inverse = np.linalg.inv(A.T @ (w[:, None] * A))
    beta = inverse @ A.T @ (w * y)
    s2 = (w * (y - A @ beta) ** 2).sum() / 26
    error = np.sqrt(s2 * (np.einsum("np,pq,nq->n", a, inverse, a) + (of == "observation")))
    found = intervals(net, X, y, new, level=0.9, of=of, sample_weight=w if weighted else None)
    reach = stats.t.ppf(0.95, 26) * error
    assert np.allclose(a @ beta - reach, found.lower[:, 0], rtol=1e-7)
    assert np.allclose(a @ beta + reach, found.upper[:, 0], rtol=1e-7)
    assert np.allclose(26.0, found.degrees)


def test_each_output_has_its_own_noise():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 2))
    y = np.column_stack([X[:, 0], X[:, 1]]) + rng.normal(0.0, [0.1, 2.0], (400, 2))
    found = intervals(fitted(X, y), X, y, X)
    assert np.allclose([0.1, 2.0], found.noise, rtol=0.12)
    alone = intervals(fitted(X, y[:, 0]), X, y[:, 0], X)
    assert np.allclose(alone.lower[:, 0], found.lower[:, 0], rtol=1e-6)


@pytest.mark.no_cover
def test_coverage_over_simulated_data():
    """60 data sets of a network that can represent the truth; the 500 of the documentation are a study of their own."""
    truth = nnkit.Network([1, 2, 1], hidden_activation="tanh", seed=5)
    truth.parameters = np.array([2.0, -1.5, 0.5, 0.8, 1.0, 1.2, 0.1])
    rng, hits, count = np.random.default_rng(0), 0, 0
    for _ in range(60):
        X = rng.uniform(-2.0, 2.0, (60, 1))
        y = truth.predict(X) + rng.normal(0.0, 0.2, (60, 1))
        net = nnkit.Network([1, 2, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        net.parameters = truth.parameters
        net.fit(X, y, epochs=60)
        new = rng.uniform(-2.0, 2.0, (50, 1))
        fresh = truth.predict(new) + rng.normal(0.0, 0.2, (50, 1))
        bounds = intervals(net, X, y, new)
        hits += int(((bounds.lower <= fresh) & (fresh <= bounds.upper)).sum())
        count += 50
    assert 0.93 <= hits / count <= 0.97


def evidenced(seed=0, samples=80):
    """More parameters than samples can bear, held by the strengths that the evidence found."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (samples, 2))
    y = np.sin(3.0 * X[:, 0]) + rng.normal(0.0, 0.2, samples)
    net = nnkit.Network([2, 20, 1], hidden_activation="tanh", optimizer="bayesian_regularization", seed=seed)
    net.fit(X, y, epochs=150)
    return net, X, y, rng


def test_strengths_found_in_training_count_as_a_penalty(tmp_path):
    net, X, y, _ = evidenced()
    assert net.parameters.size == 81 > len(X)
    assert influence(net, X, y).effective_parameters == pytest.approx(net.history["gamma"][-1], rel=1e-3)
    assert intervals(net, X, y, X).noise[0] == pytest.approx(0.2, rel=0.25)
    # They make the objective's gradient vanish where the network stands.
    gradient = net.objective(X, y).gradient(net.parameters)
    assert np.abs(gradient).max() > 1e-3
    assert np.abs(gradient + net.strengths * net.parameters).max() < 1e-3 * np.abs(gradient).max()
    net.save(tmp_path / "net.npz")
    again = nnkit.Network.load(tmp_path / "net.npz")
    assert np.array_equal(net.strengths, again.strengths)
    assert np.array_equal(intervals(net, X, y, X).lower, intervals(again, X, y, X).lower)
    net.optimizer = nnkit.plugins.create("optimizer", "levenberg_marquardt")
    assert net.strengths is None
    assert influence(net, X, y).effective_parameters > 2.0 * influence(again, X, y).effective_parameters


@pytest.mark.no_cover
def test_coverage_after_bayesian_regularization():
    hits = count = 0
    for seed in range(25):
        net, X, y, rng = evidenced(seed)
        new = rng.uniform(-1.0, 1.0, (60, 2))
        fresh = np.sin(3.0 * new[:, :1]) + rng.normal(0.0, 0.2, (60, 1))
        bounds = intervals(net, X, y, new)
        hits += int(((bounds.lower <= fresh) & (fresh <= bounds.upper)).sum())
        count += 60
    assert 0.93 <= hits / count <= 0.97


@pytest.mark.parametrize("strength", [0.0, 0.3])
@pytest.mark.parametrize("outputs", [1, 2])
def test_left_out_errors_of_a_linear_network_equal_refits(strength, outputs):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(12, 2)), rng.normal(size=(12, outputs))

    def refit(rows, share):
        # The penalty keeps its weight against the samples that stay.
        regularizer = f"l2(strength={strength / share})" if strength else None
        return fitted(X[rows], y[rows], regularizer=regularizer)

    found = influence(refit(np.arange(12), 1.0), X, y)
    for out in range(12):
        rows = np.delete(np.arange(12), out)
        expected = refit(rows, 11 / 12).predict(X[out : out + 1]) - y[out]
        assert np.allclose(expected, found.left_out_error[out], rtol=1e-6, atol=1e-8)
    if not strength:
        assert found.effective_parameters == pytest.approx(3 * outputs, rel=1e-9)
        assert found.left_out_mse == pytest.approx(np.mean(found.left_out_error**2))
    else:
        assert found.effective_parameters < 3 * outputs


def test_a_sample_that_stands_alone_has_no_left_out_error():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.5, 1.0]])
    found = influence(fitted(X, X[:, 0] ** 2), X, X[:, 0] ** 2)
    assert found.leverage[3] == pytest.approx(1.0, abs=1e-9)
    assert np.isnan(found.left_out_error[3, 0])
    assert np.isfinite(found.left_out_error[:3]).all()


def test_left_out_errors_of_a_network_are_near_refits():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1.0, 1.0, (40, 1))
    y = np.sin(2.0 * X) + rng.normal(0.0, 0.1, X.shape)
    options = {"hidden": [2], "hidden_activation": "tanh"}
    net = fitted(X, y, **options)
    found = influence(net, X, y)
    plain, left = [], []
    for out in range(0, 40, 4):
        rows = np.delete(np.arange(40), out)
        again = nnkit.Network([1, 2, 1], hidden_activation="tanh", **LINEAR)
        again.parameters = net.parameters
        again.fit(X[rows], y[rows], epochs=100)
        expected = (again.predict(X[out : out + 1]) - y[out])[0, 0]
        plain.append(abs(found.error[out, 0] - expected))
        left.append(abs(found.left_out_error[out, 0] - expected))
    assert sum(left) < 0.5 * sum(plain)


def test_sensitivities_of_a_known_function():
    rng = np.random.default_rng(4)
    X = rng.uniform(-1.0, 1.0, (300, 3))
    y = X[:, 0] ** 2 + 0.5 * X[:, 1]
    found = sensitivities(fitted(X, y, hidden=[10], hidden_activation="tanh", epochs=200), X)
    assert np.allclose(0.5, found.mean[0, 1], atol=0.01)
    assert np.allclose(np.mean(2.0 * X[:, 0]), found.mean[0, 0], atol=0.01)
    assert np.allclose(np.mean(np.abs(2.0 * X[:, 0])), found.mean_absolute[0, 0], atol=0.01)
    assert np.allclose(0.0, found.rms[0, 2], atol=0.01)
    assert np.allclose(np.std(2.0 * X[:, 0]), found.spread[0, 0], atol=0.02)
    assert found.ranking() == [0, 1, 2]


def test_silent_units_are_found_and_named():
    net = nnkit.Network([2, 5, 1], hidden_activation="relu", seed=0)
    X = np.random.default_rng(0).normal(size=(80, 2))
    weight, out = net.weights[0], net.weights[1]
    net.biases[0][0] = -100.0  # dead
    out[1] = 0.0  # unheard
    weight[:, 3] = 2.0 * weight[:, 2]  # a copy
    found = diagnose(net, X)
    assert {(unit.unit, unit.why) for unit in found.silent if unit.unit in {0, 1, 3}} == {
        (0, "its output is constant, so it is a bias"),
        (1, "no output listens to it"),
        (3, "its output is a multiple of that of unit 2"),
    }
    J = net.parameter_jacobian(X)[:, 0]
    assert found.rank == np.linalg.matrix_rank(J, tol=1e-8) < found.parameters == 21
    assert "unit 1: no output listens to it" in str(found)


def test_what_cannot_be_told_is_refused():
    X = np.random.default_rng(0).normal(size=(4, 3))
    net = fitted(X, X[:, 0])
    with pytest.raises(nnkit.errors.DataError, match="degrees of freedom"):
        intervals(net, X, X[:, 0], X)
    with pytest.raises(nnkit.errors.DataError, match="level is 95"):
        intervals(net, X, X[:, 0], X, level=95)
    other = nnkit.Network([3, 1], loss="log_cosh", seed=0)
    with pytest.raises(nnkit.errors.NotOfferedError, match="LogCosh"):
        influence(other, X, X[:, 0])


def test_statistics_of_a_table_are_those_of_its_inputs():
    rng = np.random.default_rng(0)
    table = {"a": rng.normal(size=60), "b": rng.normal(size=60), "kind": rng.choice(["x", "y"], 60)}
    y = 100.0 * np.sin(table["a"]) + (table["kind"] == "x") + rng.normal(size=60)
    options = {"optimizer": "levenberg_marquardt", "target_scaling": "standardize", "seed": 0}
    net = nnkit.Network(hidden=[2], columns="auto", **options)
    net.fit(table, y, epochs=20)
    X = net.inputs_from(table)
    plain = nnkit.Network([4, 2, 1], **options)
    plain.fit(X, y, epochs=20)
    np.testing.assert_array_equal(net.parameters, plain.parameters)
    slopes, expected = sensitivities(net, table), sensitivities(plain, X)
    assert ("a", "b", "kind=x", "kind=y") == slopes.names
    np.testing.assert_allclose(slopes.standardized, expected.standardized)
    bounds, wanted = intervals(net, table, y, table), intervals(plain, X, y, X)
    np.testing.assert_allclose(bounds.lower, wanted.lower)
