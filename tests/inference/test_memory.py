"""The statistics of many samples: the same figures from one chunk or from many, in memory that does not grow."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nnkit
from nnkit.inference import diagnose, influence, intervals, sensitivities
from nnkit.inference.student import student_quantile

pytestmark = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

HIDDEN, OUTPUTS = 30, 2


def prepared(samples, dtype="float64"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(samples, 5))
    y = np.column_stack([np.sin(X[:, 0]), X[:, 1]]) + rng.normal(0.0, [0.1, 0.3], (samples, 2))
    net = nnkit.Network(
        [5, HIDDEN, OUTPUTS], hidden_activation="tanh", regularizer="l2(strength=1e-3)", seed=0, dtype=dtype
    )
    net.weights[0][:, 4] = net.weights[0][:, 3]  # a copy, so that the diagnosis has something to say
    return net, X.astype(dtype), y.astype(dtype), rng.uniform(0.0, 2.0, samples)


def off(expected, actual):
    return np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max()


def test_figures_are_those_of_the_whole_jacobian():
    """Written out with all of ``J`` at once, as the formulas stand."""
    net, X, y, w = prepared(150)
    new = np.random.default_rng(1).normal(size=(40, 5))
    objective, theta = net.objective(X, y, sample_weight=w), net.parameters
    J = objective.jacobian(theta)[: 150 * OUTPUTS].reshape(150, OUTPUTS, -1)
    r = objective.residual(theta)[: 150 * OUTPUTS].reshape(150, OUTPUTS)
    inverse = np.linalg.inv(objective.gauss_newton(theta)[0])
    hats = np.einsum("nkp,pq,nlq->nkl", J, inverse, J)
    degrees = 150 - np.einsum("nkk->k", hats)
    variance = (r**2).sum(axis=0) / degrees
    covariance = inverse @ np.einsum("nkp,k,nkq->pq", J, variance, J) @ inverse
    g = net.parameter_jacobian(new)
    error = np.sqrt(np.einsum("nkp,pq,nkq->nk", g, covariance, g))
    reach = error * [student_quantile(0.975, d) for d in degrees]
    found = intervals(net, X, y, new, of="mean", sample_weight=w, memory=40_000)
    assert off(error, found.standard_error) <= 1e-9  # the condition of the matrix, 1e7, times rounding
    assert off(reach, found.upper - found.prediction) <= 1e-9
    assert off(np.einsum("nkk->n", hats), influence(net, X, y, sample_weight=w, memory=40_000).leverage) <= 1e-9


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_budget_changes_no_figure(dtype):
    net, X, y, w = prepared(300, dtype)
    # The float32 matrix is summed in float32, in another order.
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    few, all_ = {"memory": 20_000}, {"memory": 1 << 28}
    narrow, wide = (intervals(net, X, y, X, sample_weight=w, **budget) for budget in (few, all_))
    for name in ("prediction", "lower", "upper", "standard_error", "noise", "degrees"):
        assert off(getattr(wide, name), getattr(narrow, name)) <= tolerance
    narrow, wide = (influence(net, X, y, sample_weight=w, **budget) for budget in (few, all_))
    for name in ("leverage", "error", "left_out_error", "effective_parameters"):
        assert off(getattr(wide, name), getattr(narrow, name)) <= tolerance
    narrow, wide = (diagnose(net, X, **budget) for budget in (few, all_))
    assert off(wide.singular_values, narrow.singular_values) <= tolerance
    assert wide.rank == narrow.rank
    assert wide.silent == narrow.silent
    assert [(unit.layer, unit.unit) for unit in wide.silent] == [(0, 4)]


def peak(function, *args, **options):
    tracemalloc.start()
    function(*args, **options)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


MEMORY = 1 << 20


@pytest.mark.parametrize("name", ["intervals", "influence", "diagnose"])
def test_peak_memory_does_not_grow_with_the_jacobian(name):
    def run(samples):
        net, X, y, w = prepared(samples)
        net.predict(X[:1])
        if name == "diagnose":
            return peak(diagnose, net, X, memory=MEMORY)
        arguments = (X, y, X) if name == "intervals" else (X, y)
        return peak(globals()[name], net, *arguments, sample_weight=w, memory=MEMORY)

    few, many = run(10_000), run(30_000)  # both beyond the rows that a forward pass takes at a time
    jacobian = 8 * OUTPUTS * prepared(1)[0].parameters.size
    # Results, residuals and weights grow: at most two dozen numbers a sample, of the 484 that its rows of J have.
    assert (many - few) / 20_000 < 0.05 * jacobian
    assert many < 0.2 * 30_000 * jacobian


def test_sensitivities_hold_little_beside_their_result():
    net = nnkit.Network([200, 4, 2], hidden_activation="tanh", seed=0)
    X = np.random.default_rng(0).normal(size=(20_000, 200))
    found = sensitivities(net, X)
    J = found.jacobian
    assert peak(sensitivities, net, X) < 1.5 * J.nbytes
    assert off(J.mean(axis=0), found.mean) <= 1e-12
    assert off(J.std(axis=0), found.spread) <= 1e-12
    assert off(np.sqrt((J**2).mean(axis=0)), found.rms) <= 1e-12
    assert off(np.abs(J).mean(axis=0), found.mean_absolute) <= 1e-12


@pytest.mark.parametrize("memory", [0, -1, 1e6, True])
def test_a_budget_that_is_none_is_refused(memory):
    net, X, y, _ = prepared(100)
    for ask in (
        lambda: intervals(net, X, y, X, memory=memory),
        lambda: influence(net, X, y, memory=memory),
        lambda: diagnose(net, X, memory=memory),
    ):
        with pytest.raises(nnkit.errors.DataError, match="memory is"):
            ask()
