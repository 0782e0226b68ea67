"""The packed form of a network predicts what the network predicts, to rounding, on any number of threads."""

import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnkit import Network
from nnkit.errors import DataError
from nnkit_numba.elementwise import RELU, SIGMOID, TANH, activate_row, softmax_row
from nnkit_numba.panels import WIDTH, packed

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

WIDTHS = (5, 300, 70, 17)
"""Below, at and above the width of a panel, and wide enough to be shared out from 13 rows on."""


def network(hidden, output, dtype, widths=WIDTHS):
    net = Network(list(widths), hidden_activation=hidden, output_activation=output, dtype=dtype, seed=0)
    net.parameters = np.random.default_rng(1).normal(scale=0.3, size=net.parameters.size)
    return net


def rows_of(net, rows):
    return np.random.default_rng(rows).normal(size=(rows, net.inputs)).astype(net.dtype)


@every_dtype
@pytest.mark.parametrize("output", [None, "relu", "tanh", "sigmoid", "softmax"])
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "identity"])
def test_it_predicts_what_the_plain_layers_predict(hidden, output, dtype, plainly):
    """The packed weights of a predictor, and from then on those of the network where they are, as last changed."""
    net, eps = network(hidden, output, dtype), np.finfo(dtype).eps
    net.predict(rows_of(net, 1))
    net.parameters *= 0.5
    predictor = net.predictor()
    assert predictor.compiled
    for rows in (1, 2, 3, 7, 13, 100):
        x = rows_of(net, rows)
        with plainly():
            expected = net.predict(x)
        actual = predictor.predict(x)
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=0, atol=300 * eps * np.abs(expected).max())
        assert np.array_equal(net.predict(x), actual)


@every_dtype
def test_weights_of_a_network_may_be_infinite_where_an_input_is_0(dtype, plainly):
    net = Network([3, "dense(units=5, use_bias=False)", 2], dtype=dtype, seed=0)
    net.predictor()  # from here on predict uses compiled code
    net.weights[0][0, 1] = np.inf
    x = np.array([[0.0, 1.0, 2.0]], dtype=dtype)
    with plainly(), np.errstate(invalid="ignore"):
        expected = net.predict(x)
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(np.isnan(net.predict(x)), np.isnan(expected))


def test_weights_beyond_the_caches_are_left_to_the_blas(plainly):
    net = Network([40, 50_000, 3], dtype="float32", seed=0)
    net.predictor()
    x = rows_of(net, 5)
    with plainly():
        expected = net.predict(x)
    assert np.array_equal(net.predict(x), expected)


@every_dtype
def test_many_rows_with_weights_that_change_between_calls(dtype):
    """They are packed for each call."""
    net = network("relu", "softmax", dtype)
    x = rows_of(net, 1500)
    before = net.predictor().predict(x)
    assert np.array_equal(net.predict(x), before)
    net.parameters *= 0.5
    assert not np.array_equal(net.predict(x), before)
    assert np.array_equal(net.predict(x), net.predictor().predict(x))


@every_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rows", [1, 20, 400, 1500])
def test_inputs_that_are_not_finite_are_refused(rows, value, dtype):
    """The first layer's sums show them, whichever threads compute these."""
    net = network("relu", "softmax", dtype)
    net.predictor()
    net.weights[0][3] = 0.0  # zero times infinity is NaN
    x = rows_of(net, rows)
    for place in {0, rows // 2, rows - 1}:
        broken = x.copy()
        broken[place, 3] = value
        with pytest.raises(DataError, match=re.escape(f"X[{place}, 3] is {value}")):
            net.predict(broken)
    assert np.isfinite(net.predict(x)).all()


@every_dtype
@pytest.mark.parametrize("rows", [1, 20, 1500])
def test_sums_that_overflow_are_predicted_by_the_plain_layers(rows, dtype, plainly):
    net = network("tanh", None, dtype)
    net.predictor()
    net.weights[0][:, 0] = 1.0
    x = np.full((rows, net.inputs), np.finfo(dtype).max, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        with plainly():
            expected = net.predict(x)
        assert np.array_equal(net.predict(x), expected, equal_nan=True)


@every_dtype
@pytest.mark.parametrize("rows", [1, 13, 64, 400])
def test_the_number_of_threads_and_rows_changes_no_bit(rows, dtype):
    """13 rows are divided by columns, 400 by rows; each sum is in the same order all the same."""
    net = network("relu", "softmax", dtype)
    x, results = rows_of(net, rows), []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            predictor = net.predictor()
            results.append(predictor.predict(x))
            results.append(np.concatenate([predictor.predict(x[n : n + 1]) for n in range(rows)]))
    for other in results[1:]:
        assert np.array_equal(results[0], other)


def test_python_threads_predict_at_the_same_time():
    net = network("relu", None, "float32")
    with threadpool_limits(2, user_api="blas"):
        predictor = net.predictor()
        batches = [rows_of(net, rows) for rows in (1, 40, 300)] * 10
        expected = [predictor.predict(x) for x in batches]
        with ThreadPoolExecutor(4) as pool:
            for wanted, actual in zip(expected, pool.map(predictor.predict, batches), strict=True):
                assert np.array_equal(wanted, actual)


def test_identities_of_inference_are_left_out_and_pickles_are_compiled_again():
    net = Network([4, 9, "dropout", "gaussian_noise", 3], output_activation="tanh", seed=0)
    predictor = net.predictor()
    assert predictor.compiled
    x = rows_of(net, 5)
    again = pickle.loads(pickle.dumps(predictor))
    assert again.compiled
    assert np.array_equal(again.predict(x), predictor.predict(x))
    np.testing.assert_allclose(predictor.predict(x), net.predict(x), rtol=1e-12)


@pytest.mark.parametrize("layers", [[4, "batch_norm", 3], [4, "dense(units=3, activation='gelu')", 2], ["dropout", 2]])
def test_other_networks_keep_the_plain_pass(layers):
    net = Network([3, *layers], seed=0)
    predictor = net.predictor()
    assert not predictor.compiled
    assert np.array_equal(predictor.predict(np.ones((2, 3))), net.predict(np.ones((2, 3))))


def test_weights_that_are_not_finite_keep_the_plain_pass():
    """Zeros are skipped, but zero times infinity is NaN."""
    net = network("relu", None, "float64")
    net.weights[1][0, 0] = np.inf
    assert not net.predictor().compiled


def test_without_the_plugin_the_pass_is_plain(plainly):
    net = network("relu", "softmax", "float32")
    with plainly():
        predictor = net.predictor()
        assert not predictor.compiled
        x = rows_of(net, 3)
        assert np.array_equal(predictor.predict(x), net.predict(x))


@every_dtype
def test_values_that_are_not_finite_stay_in_their_row(dtype):
    net = network("relu", "softmax", dtype)
    predictor = net.predictor()
    for rows in (3, 20):
        x = rows_of(net, rows)
        expected = predictor.predict(x)
        x[1, 2] = np.nan
        actual = predictor.predict(x)
        assert np.isnan(actual[1]).all()
        assert np.array_equal(np.delete(actual, 1, axis=0), np.delete(expected, 1, axis=0))


@every_dtype
def test_activations_are_right_to_the_last_digits(dtype):
    """From the far tails to the smallest numbers; the reference values have more digits than the dtype."""
    eps, tiny = np.finfo(dtype).eps, float(np.finfo(dtype).tiny)
    z = np.concatenate([np.linspace(-60, 60, 4001), np.geomspace(1e-30, 0.7, 500), -np.geomspace(1e-30, 0.7, 500)])
    z = z.astype(dtype)
    exact = z.astype(np.longdouble)
    for kind, wanted in (
        (RELU, np.maximum(exact, 0)),
        (TANH, np.tanh(exact)),
        (SIGMOID, 1 / (1 + np.exp(-exact))),
    ):
        a = z.copy()
        activate_row(a, kind)
        assert (np.abs(a - wanted) <= 8 * eps * np.abs(wanted) + tiny).all(), kind


@every_dtype
@pytest.mark.parametrize("largest", [np.inf, -np.inf, np.nan, 1e30])
def test_softmax_of_extremes_is_its_limit(largest, dtype):
    z = np.array([1.0, largest, -2.0, largest], dtype=dtype)
    z = np.full(4, largest, dtype=dtype) if largest == -np.inf else z
    out = np.empty_like(z)
    softmax_row(z, out)
    wanted = {np.inf: [0, 0.5, 0, 0.5], 1e30: [0, 0.5, 0, 0.5], -np.inf: [0.25] * 4}.get(largest, [np.nan] * 4)
    np.testing.assert_allclose(out, wanted, rtol=1e-6, atol=1e-30)


@every_dtype
def test_panels_hold_the_matrix_and_begin_with_a_cache_line(dtype):
    matrix = np.arange(3 * 50, dtype=dtype).reshape(3, 50)
    panels = packed(matrix)
    assert panels.ctypes.data % 64 == 0
    assert panels.shape[1:] == (3, WIDTH // matrix.itemsize)
    rows = panels.transpose(1, 0, 2).reshape(3, -1)
    assert np.array_equal(rows[:, :50], matrix)
    assert not rows[:, 50:].any()
