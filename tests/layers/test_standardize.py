import numpy as np
import pytest

from nnkit.layers.standardize import Standardize


def fresh(columns, dtype=np.float64):
    return {"mean": np.zeros(columns, dtype), "stddev": np.ones(columns, dtype), "count": np.zeros(1, dtype)}


def adapted(x, weight=None):
    buffers = fresh(x.shape[1], x.dtype)
    state = Standardize().adapt_start(x.shape[1])
    Standardize().adapt_add(state, x, weight)
    Standardize().adapt_finish(state, buffers)
    return buffers


def forward(buffers, x, *, training=False, streaming=False):
    return Standardize(streaming=streaming).forward(buffers, x, training=training, rng=None)[0]


def test_the_whole_data_get_mean_0_and_deviation_1():
    x = np.random.default_rng(0).normal(50.0, 7.0, size=(300, 3))
    buffers = adapted(x)
    np.testing.assert_allclose(buffers["mean"], x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(buffers["stddev"], x.std(axis=0), rtol=1e-13)
    assert buffers["count"][0] == 300
    y = forward(buffers, x)
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(y.std(axis=0), 1.0, rtol=1e-13)


def test_integer_weights_are_repetitions():
    rng = np.random.default_rng(1)
    x, times = rng.normal(size=(40, 2)), rng.integers(0, 4, 40)
    weighted, repeated = adapted(x, times.astype(float)), adapted(np.repeat(x, times, axis=0))
    for name, expected in repeated.items():
        np.testing.assert_allclose(weighted[name], expected, rtol=1e-13)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -1e9, 1e30, 1e-30])
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_column_gives_0_also_for_other_values_later(constant, streaming, dtype):
    x = np.full((70, 1), constant, dtype=dtype)
    buffers = fresh(1, dtype) if streaming else adapted(x, np.full(70, 0.7, dtype=dtype))
    if streaming:
        for rows in np.array_split(x, 6):
            assert not forward(buffers, rows, training=True, streaming=True).any()
    assert not forward(buffers, x).any()
    assert not forward(buffers, x + dtype(1.0)).any()


def test_a_column_that_differs_by_rounding_alone_is_constant():
    x = np.array([[0.3], [0.1 + 0.2]] * 20)
    assert x[0] != x[1]
    assert not forward(adapted(x), x).any()


def test_streaming_ends_where_the_whole_does():
    x = np.random.default_rng(2).normal([1e6, 0.0, -3.0], [1.0, 1e-3, 40.0], size=(500, 3))
    buffers = fresh(3)
    for rows in np.split(x, [1, 4, 40, 41, 300]):
        forward(buffers, rows, training=True, streaming=True)
        forward(buffers, rows, training=False, streaming=True)  # changes nothing
    for name, expected in adapted(x).items():
        np.testing.assert_allclose(buffers[name], expected, rtol=1e-10, atol=1e-12)


def test_streaming_normalizes_the_first_batch_with_itself():
    x = np.random.default_rng(3).normal(5.0, 2.0, size=(32, 2))
    y = forward(fresh(2), x, training=True, streaming=True)
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(y.std(axis=0), 1.0, rtol=1e-13)


def test_on_the_way_back_streaming_statistics_are_constants():
    layer, buffers = Standardize(streaming=True), fresh(2)
    x, grad = np.random.default_rng(3).normal(5.0, 2.0, size=(2, 32, 2))
    _, cache = layer.forward(buffers, x, training=True, rng=None)
    np.testing.assert_allclose(layer.backward(buffers, cache, grad)[0], grad / buffers["stddev"], rtol=1e-14)


def test_streaming_takes_nothing_from_the_whole():
    buffers = fresh(2)
    layer = Standardize(streaming=True)
    state = layer.adapt_start(2)
    layer.adapt_add(state, np.full((4, 2), 9.0), None)
    layer.adapt_finish(state, buffers)
    assert buffers["count"][0] == 0.0
    x = np.ones((2, 2))
    assert np.array_equal(x, forward(buffers, x))


def test_float32_data_are_measured_in_float64():
    x = np.random.default_rng(4).normal(1000.0, 1.0, size=(20_000, 2)).astype(np.float32)
    buffers = adapted(x)
    assert buffers["mean"].dtype == np.float32
    np.testing.assert_allclose(buffers["stddev"], x.astype(float).std(axis=0), rtol=2e-7)
