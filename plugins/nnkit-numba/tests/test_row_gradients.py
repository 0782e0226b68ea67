"""Gradients of each row equal those of the plain layer to rounding, in every memory order."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnkit import Dense, Network, plugins
from nnkit_numba import dense, row_gradients
from nnkit_numba.accelerator import nnkit_accelerate

ROWS, SEEDS, INPUTS = 7, 3, 5


def as_solvers_ask(shape, dtype):
    """A block in which the rows of one parameter lie side by side."""
    return np.full(shape[::-1], np.nan, dtype).transpose()


def within_a_jacobian(shape, dtype):
    """A part of the longer rows of a Jacobian."""
    rows, seeds, *array = shape
    size = int(np.prod(array))
    return np.full((rows, seeds, size + 11), np.nan, dtype)[:, :, 4 : 4 + size].reshape(shape)


def scattered(shape, dtype):
    """Neither: every second element."""
    return np.full((*shape[:-1], 2 * shape[-1]), np.nan, dtype)[..., ::2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, 4, 33])
@pytest.mark.parametrize("activation", [None, "identity", "relu", "tanh", "sigmoid", "gelu", "log_softmax"])
@pytest.mark.parametrize("memory", [as_solvers_ask, within_a_jacobian, scattered])
def test_each_row_has_the_gradients_of_the_plain_layer(memory, activation, units, dtype):
    rng = np.random.default_rng(units)
    plain = Dense(units, None if activation is None else plugins.create("activation", activation))
    compiled = nnkit_accelerate(plain)
    parameters = {
        "weight": rng.normal(size=(INPUTS, units)).astype(dtype),
        "bias": rng.normal(size=units).astype(dtype),
    }
    x = rng.normal(size=(ROWS, INPUTS)).astype(dtype)
    grads = rng.normal(size=(ROWS, SEEDS, units)).astype(dtype)
    results = []
    for layer in (plain, compiled):
        _, cache = layer.forward(parameters, x, training=False, rng=None)
        out = {name: memory((ROWS, SEEDS, *array.shape), dtype) for name, array in parameters.items()}
        original = grads.copy()
        below = layer.backward_rows_into(parameters, cache, grads, out, needs_grad_x=True)
        assert np.array_equal(grads, original)
        assert layer.backward_rows_into(parameters, cache, grads, dict(out), needs_grad_x=False) is None
        results.append(out | {"x": below})
    for name, expected in results[0].items():
        tolerance = 32 * np.finfo(dtype).eps * np.abs(expected).max()
        np.testing.assert_allclose(results[1][name], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 500])
def test_the_way_there_is_that_of_the_plain_layer(rows, use_bias, activation):
    rng = np.random.default_rng(rows)
    plain = Dense(33, None if activation is None else plugins.create("activation", activation), use_bias=use_bias)
    parameters = {"weight": rng.normal(size=(INPUTS, 33)), "bias": rng.normal(size=33)}
    parameters = parameters if use_bias else {"weight": parameters["weight"]}
    x = rng.normal(size=(rows, 2 * INPUTS))[:, ::2]
    for given in (x, np.vstack([x, np.full(INPUTS, np.nan)])):
        _, expected = plain.forward(parameters, given, training=False, rng=None)
        _, actual = nnkit_accelerate(plain).forward(parameters, given, training=False, rng=None)
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wanted", [{"weight"}, {"weight", "bias"}])
def test_only_what_is_asked_for_is_written(wanted):
    layer = nnkit_accelerate(Dense(4, plugins.create("activation", "tanh")))
    parameters = {"weight": np.ones((INPUTS, 4)), "bias": np.zeros(4)}
    x, grads = np.linspace(-1, 1, ROWS * INPUTS).reshape(ROWS, INPUTS), np.ones((ROWS, SEEDS, 4))
    _, cache = layer.forward(parameters, x, training=False, rng=None)
    expected = layer.backward_rows(parameters, cache, grads)[1]
    out = {name: np.full((ROWS, SEEDS, *parameters[name].shape), np.nan) for name in wanted}
    layer.backward_rows_into(parameters, cache, grads, out, needs_grad_x=False)
    for name in wanted:
        np.testing.assert_allclose(out[name], expected[name], rtol=1e-12)


def test_jacobians_and_steps_of_a_network_use_it_and_stay_equal(plainly, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))

    def computed():
        net = Network([3, 9, 6, 2], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        slopes = net.parameter_jacobian(X), net.per_sample_gradients(X, y)
        net.fit(X, y, epochs=4)
        return *slopes, net.parameters

    calls = []
    original = dense.write_row_gradients
    monkeypatch.setattr(dense, "write_row_gradients", lambda *a, **k: calls.append(1) or original(*a, **k))
    compiled = computed()
    assert len(calls) >= 3 * (1 + 1 + 4)
    with plainly():
        for expected, actual in zip(computed(), compiled, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("memory", [as_solvers_ask, within_a_jacobian])
def test_the_number_of_threads_changes_no_bit(memory):
    """More rows than one thread fills alone; the last part is shorter."""
    rng, results = np.random.default_rng(0), []
    layer = nnkit_accelerate(Dense(33, plugins.create("activation", "tanh")))
    parameters = {"weight": rng.normal(size=(INPUTS, 33)), "bias": np.zeros(33)}
    x, grads = rng.normal(size=(401, INPUTS)), rng.normal(size=(401, SEEDS, 33))
    for threads in (1, 2, 3):
        out = {name: memory((401, SEEDS, *array.shape), np.float64) for name, array in parameters.items()}
        with threadpool_limits(threads, user_api="blas"):
            a, cache = layer.forward(parameters, x, training=False, rng=None)
            below = layer.backward_rows_into(parameters, cache, grads, out, needs_grad_x=True)
        results.append(out | {"a": a, "x": below})
    assert a.size * (INPUTS + row_gradients.ACTIVATION) >= row_gradients.LEAST_WORK
    assert results[0]["weight"].size >= row_gradients.LEAST
    for other in results[1:]:
        for name, expected in results[0].items():
            np.testing.assert_array_equal(other[name], expected)
