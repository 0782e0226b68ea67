"""A layer whose products are shared out is the layer, to a few ulp of its largest sums."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnkit import Dense, plugins
from nnkit.core.workspace import Pool
from nnkit_numba import blas, shared_dense
from nnkit_numba.accelerator import nnkit_accelerate

pytestmark = pytest.mark.skipif(not blas.available(), reason="numpy's BLAS is no OpenBLAS that compiled code can call")

SHAPES = [(64, 70, 65), (128, 300, 10), (2000, 3, 50), (65, 64, 64), (5, 400, 150), (257, 33, 47)]
"""Rows, inputs, units: fewer than a vector, not a multiple of one, narrow on either side."""


def passes(layer, shape, dtype, *, needs_grad_x=True):
    """All that a bound layer computes, by name."""
    rows, inputs, units = shape
    rng = np.random.default_rng(list(shape))
    x, grad = rng.normal(size=(rows, inputs)).astype(dtype), rng.normal(size=(rows, units)).astype(dtype)
    parameters = {"weight": (rng.normal(size=(inputs, units)) / np.sqrt(inputs)).astype(dtype)}
    if layer.use_bias:
        parameters["bias"] = rng.normal(size=units).astype(dtype)
    gradients = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    bound = layer.bind(
        parameters, gradients, Pool(rows, np.dtype(dtype)).for_layer(0, rows),
        inputs=inputs, training=True, needs_grad_x=needs_grad_x, rng=None,
    )  # fmt: skip
    results = {"a": bound.forward(x).copy()}
    below = bound.backward(grad)
    assert (below is not None) == needs_grad_x
    return results | gradients | ({"x": below.copy()} if needs_grad_x else {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid", "gelu", "leaky_relu", "log_softmax"])
def test_both_directions(activation, shape, threads, dtype, monkeypatch):
    called = []
    real = shared_dense.bind_shared
    monkeypatch.setattr("nnkit_numba.dense.bind_shared", lambda *a, **k: called.append(1) or real(*a, **k))
    part = None if activation is None else plugins.create("activation", activation)
    plain = Dense(shape[2], part)
    with threadpool_limits(threads, user_api="blas"):
        expected, got = passes(plain, shape, dtype), passes(nnkit_accelerate(plain), shape, dtype)
    assert called
    for name, value in expected.items():
        assert got[name].dtype == value.dtype == dtype
        bound = 8 * np.finfo(dtype).eps * np.sqrt(max(shape)) * np.abs(value).max()
        np.testing.assert_allclose(got[name], value, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("options", [{"use_bias": False}, {"use_bias": False, "activation": "relu"}], ids=str)
@pytest.mark.parametrize("needs_grad_x", [True, False])
def test_without_bias_and_without_a_layer_below(options, needs_grad_x):
    named = {key: plugins.create(key, value) if key == "activation" else value for key, value in options.items()}
    plain = Dense(65, **named)
    expected = passes(plain, SHAPES[0], np.float64, needs_grad_x=needs_grad_x)
    got = passes(nnkit_accelerate(plain), SHAPES[0], np.float64, needs_grad_x=needs_grad_x)
    assert sorted(got) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=0, atol=1e-13, err_msg=name)


def test_what_comes_in_another_memory_order_or_type_is_taken_as_it_is():
    rows, inputs, units = SHAPES[0]
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(inputs, units))
    layer = nnkit_accelerate(Dense(units, use_bias=False))
    bound = layer.bind(
        {"weight": weight}, {"weight": np.empty_like(weight)}, Pool(rows, np.dtype(np.float64)).for_layer(0, rows),
        inputs=inputs, training=True, needs_grad_x=True, rng=None,
    )  # fmt: skip
    x, grad = rng.normal(size=(rows, inputs)), rng.normal(size=(rows, units))
    for form in (np.asfortranarray, lambda a: a.astype(np.float32), lambda a: np.repeat(a, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(bound.forward(form(x)), form(x) @ weight, rtol=0, atol=1e-6)
        np.testing.assert_allclose(bound.backward(form(grad)), form(grad) @ weight.T, rtol=0, atol=1e-6)


def test_without_an_openblas_the_products_stay_numpys(monkeypatch):
    monkeypatch.setattr("nnkit_numba.team.blas.available", lambda: False)
    plain = Dense(65, plugins.create("activation", "relu"))
    expected, got = passes(plain, SHAPES[0], np.float64), passes(nnkit_accelerate(plain), SHAPES[0], np.float64)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=0, atol=1e-12, err_msg=name)
    assert nnkit_accelerate(Dense(3, plugins.create("activation", "log_softmax"))) is None
