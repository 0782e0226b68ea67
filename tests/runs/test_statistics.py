"""Statistics of standardize, layer_norm and batch_norm: any scale, constants up to rounding, both precisions."""

import numpy as np
import pytest

import nnkit
from nnkit.layers.batch_norm import BatchNorm
from nnkit.layers.layer_norm import LayerNorm
from nnkit.layers.standardize import Standardize

RNG = np.random.default_rng(4)
COLUMNS = RNG.normal(size=(60, 4))
DTYPES = ["float32", "float64"]
SCALES = {"float64": [1e-300, 1e-200, 1e-20, 1.0, 1e20, 1e200, 1e300], "float32": [1e-35, 1e-25, 1.0, 1e20, 1e35]}
CASES = [(dtype, scale) for dtype in DTYPES for scale in SCALES[dtype]]


def adapted(data, *, streaming=False, weight=None, batches=1):
    """What the layer makes of the data that it has seen, and its buffers."""
    layer = Standardize(streaming=streaming)
    buffers = {"mean": np.zeros(data.shape[1]), "stddev": np.ones(data.shape[1]), "count": np.zeros(1)}
    buffers = {name: value.astype(data.dtype) for name, value in buffers.items()}
    if streaming:
        for part in np.array_split(data, batches):
            layer.forward(buffers, part, training=True, rng=None)
    else:
        state = layer.adapt_start(data.shape[1])
        layer.adapt_add(state, data, weight)
        layer.adapt_finish(state, buffers)
    return layer.forward(buffers, data, training=False, rng=None)[0], buffers


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("dtype", "scale"), CASES)
def test_standardize_gives_mean_0_and_deviation_1_at_every_scale(dtype, scale, streaming):
    data = (COLUMNS * scale).astype(dtype)
    y, _ = adapted(data, streaming=streaming, batches=3)
    expected = (COLUMNS - COLUMNS.mean(axis=0)) / COLUMNS.std(axis=0)
    np.testing.assert_allclose(y, expected, rtol=1e-4 if dtype == "float32" else 1e-9, atol=1e-4)
    assert y.dtype == dtype


@pytest.mark.parametrize(("dtype", "scale"), CASES)
def test_standardize_is_scale_free_in_a_network_and_when_bound(dtype, scale):
    target = COLUMNS[:, :1]
    predictions = []
    for factor in (1.0, scale):
        net = nnkit.Network([4, Standardize(), 5, 1], hidden_activation="tanh", dtype=dtype, seed=0)
        data = (COLUMNS * factor).astype(dtype)
        net.fit(data, target, epochs=2)
        predictions.append(net.predict(data))
    np.testing.assert_allclose(*predictions, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("level", [1.0, -3.0, 1e6, 1e-6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_column_that_is_constant_up_to_rounding_counts_as_constant(dtype, level, streaming):
    """Row sums of proportions, whose deviation is a few units in the last place."""
    shares = RNG.dirichlet(np.ones(20), size=60)
    sums = np.zeros(60, dtype=dtype)
    for share in shares.T.astype(dtype):
        sums += share
    assert 0.0 < sums.std(dtype=np.float64) < 4 * np.finfo(dtype).eps
    data = np.column_stack([COLUMNS[:, 0], sums * sums.dtype.type(level)]).astype(dtype)
    y, buffers = adapted(data, streaming=streaming, batches=2)
    assert np.abs(y[:, 1]).max() < 1e-3
    shifted = data + np.array([0.0, 1e-3 * abs(level)], dtype=dtype)
    moved = Standardize(streaming=streaming).forward(buffers, shifted, training=False, rng=None)[0]
    assert np.abs(moved[:, 1]).max() <= 1.0
    np.testing.assert_allclose(y[:, 0].std(), 1.0, rtol=1e-3)


def test_a_network_is_not_thrown_off_by_such_a_column():
    shares = RNG.dirichlet(np.ones(6), size=80)
    data = np.column_stack([shares, shares.sum(axis=1)])
    net = nnkit.Network([7, Standardize(), 6, 1], seed=0)
    net.fit(data, shares[:, 0], epochs=20)
    shifted = data.copy()
    shifted[:, 6] += 1e-3
    np.testing.assert_allclose(net.predict(data), net.predict(shifted), atol=0.1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_column_with_little_but_real_spread_is_scaled(dtype):
    """A year, a timestamp: the spread is many units in the last place."""
    data = np.array([2019.0, 2020.0, 2021.0, 2022.0] * 5, dtype=dtype)[:, None]
    np.testing.assert_allclose(adapted(data)[0].std(), 1.0, rtol=1e-3)
    if dtype == "float64":
        seconds = 1.7e9 + np.arange(20.0)[:, None]
        np.testing.assert_allclose(adapted(seconds)[0].std(), 1.0, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_weighted_statistics_are_those_of_repeated_rows(scale):
    repeats = RNG.integers(0, 4, size=60)
    weighed = adapted(COLUMNS, weight=repeats * scale)[1]
    repeated = adapted(np.repeat(COLUMNS, repeats, axis=0))[1]
    for name in ("mean", "stddev"):
        np.testing.assert_allclose(weighed[name], repeated[name], rtol=1e-9, atol=1e-12)


def normalized(row):
    exact = row.astype(np.longdouble)
    deviation = exact - exact.mean()
    return (deviation / np.sqrt(np.square(deviation).mean() + np.longdouble(1e-5))).astype(row.dtype)


ROWS = [
    [1e30, -1e30, 2.0],
    [3e37, -3e37, 1e36],
    [1e20, 2e20, 4e20],
    [1e-20, -1e-20, 0.0],
    [5.0, 5.0, 5.0],
    [1.0, 2.0, 4.0],
]


def run_bound(layer, x, parameters, training):
    """The forward pass as training binds it."""
    from nnkit.core.workspace import Pool

    pool = Pool(len(x), x.dtype)
    gradients = {name: np.zeros_like(value) for name, value in parameters.items()}
    bound = layer.bind(
        parameters,
        gradients,
        pool.for_layer(0, len(x)),
        inputs=x.shape[1],
        training=training,
        needs_grad_x=True,
        rng=None,
    )
    with np.errstate(all="ignore"):
        y = bound.forward(x).copy()
        return y, bound.backward(np.ones_like(x)).copy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_layer_norm_of_rows_of_every_size(row, dtype):
    x = np.array([row, [1.0, 0.0, -1.0]], dtype=dtype)
    parameters = {"scale": np.ones(3, dtype=dtype), "shift": np.zeros(3, dtype=dtype)}
    y = LayerNorm().forward(parameters, x, training=False, rng=None)[0]
    expected = np.stack([normalized(one) for one in x])
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    bound, slope = run_bound(LayerNorm(), x, parameters, training=True)
    np.testing.assert_allclose(bound, expected, rtol=1e-4, atol=1e-5)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("scale", [1e155, 1e200, 1e300])
def test_layer_norm_in_float64_too(scale):
    x = np.array([[1.0, -1.0, 0.5]]) * scale
    parameters = {"scale": np.ones(3), "shift": np.zeros(3)}
    expected = normalized(x[0])
    for y in (
        LayerNorm().forward(parameters, x, training=False, rng=None)[0],
        run_bound(LayerNorm(), x, parameters, training=True)[0],
    ):
        np.testing.assert_allclose(y[0], expected, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1e25), ("float32", 3e37), ("float64", 1e200)])
def test_batch_norm_of_columns_of_every_size(dtype, scale):
    x = (COLUMNS[:, :3] / 4.0 * np.array([scale, 1.0, 0.0])).astype(dtype)
    x[:, 2] = 7.0
    expected = np.stack([normalized(column) for column in x.T], axis=1)

    def buffers():
        fresh = {"scale": np.ones(3), "shift": np.zeros(3), "running_mean": np.zeros(3), "running_variance": np.ones(3)}
        return {name: value.astype(dtype) for name, value in fresh.items()}

    parameters = buffers()
    y = BatchNorm().forward(parameters, x, training=True, rng=None)[0]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    again = buffers()
    bound, slope = run_bound(BatchNorm(), x, again, training=True)
    np.testing.assert_allclose(bound, expected, rtol=1e-4, atol=1e-4)
    assert np.isfinite(slope).all()
    for after in (parameters, again):
        assert all(np.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_norm_of_a_column_constant_up_to_rounding(dtype):
    eps = np.finfo(dtype).eps
    x = np.column_stack([COLUMNS[:, 0], 1.0 + eps * RNG.integers(0, 3, size=60)]).astype(dtype)
    parameters = {
        "scale": np.ones(2),
        "shift": np.zeros(2),
        "running_mean": np.zeros(2),
        "running_variance": np.ones(2),
    }
    parameters = {name: value.astype(dtype) for name, value in parameters.items()}
    assert np.abs(BatchNorm().forward(parameters, x, training=True, rng=None)[0][:, 1]).max() < 1e-3
