"""Properties of every layer: gradients, an equal bound variant, rows that add up, no changed arguments."""

import tracemalloc

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.core.workspace import Pool
from nnkit.errors import NotOfferedError
from nnkit.layers.activation import ActivationLayer
from nnkit.layers.batch_norm import BatchNorm
from nnkit.layers.dropout import Dropout
from nnkit.layers.layer_norm import LayerNorm
from nnkit.layers.standardize import Standardize
from nnkit.testing.reference_values import asked_for

INITIAL = {"ones": np.ones, "zeros": np.zeros}


def activation(name):
    return ActivationLayer(nnkit.plugins.create("activation", name))


LAYERS = [
    Dropout(0.3),
    Dropout(0.0),
    BatchNorm(),
    BatchNorm(momentum=0.9, epsilon=1e-3),
    LayerNorm(),
    Standardize(),
    Standardize(streaming=True),
    ActivationLayer(),
    activation("tanh"),
    activation("relu"),
    activation("softmax"),
    activation("gelu"),
]
MODES = [(layer, training) for layer in LAYERS for training in (True, False)]


def parameters_of(layer, columns, dtype=np.float64, seed=0):
    """Random parameters; buffers as the layer's declaration starts them, then moved by a little data."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for spec in layer.parameter_specs(columns):
        start = INITIAL[spec.initializer](spec.shape)
        parameters[spec.name] = (start if spec.role == "buffer" else rng.normal(size=spec.shape)).astype(dtype)
    data = (2.0 * rng.normal(size=(50, columns)) + 1.0).astype(dtype)
    if layer.offers("adapt_start"):
        state = layer.adapt_start(columns)
        layer.adapt_add(state, data, None)
        layer.adapt_finish(state, parameters)
    layer.forward(parameters, data, training=True, rng=rng)
    return parameters


def trained(layer, columns):
    return [spec.name for spec in layer.parameter_specs(columns) if spec.role != "buffer"]


def run(layer, parameters, x, *, training):
    """A forward pass with draws that are the same each time, on buffers of its own."""
    copies = {name: array.copy() for name, array in parameters.items()}
    return layer.forward(copies, x, training=training, rng=np.random.default_rng(7)), copies


# Where Standardize gathers its statistics, they move with the batch, but count as constants on the way back.
STEADY = [mode for mode in MODES if mode != (Standardize(streaming=True), True)]


@pytest.mark.parametrize(("layer", "training"), STEADY, ids=repr)
def test_the_gradient_is_that_of_a_five_point_stencil(layer, training):
    rng = np.random.default_rng(1)
    x, upstream = rng.normal(size=(2, 6, 4))
    parameters = parameters_of(layer, 4)
    (_, cache), _ = run(layer, parameters, x, training=training)
    grad_x, found = layer.backward(parameters, cache, upstream)
    assert sorted(trained(layer, 4)) == sorted(found)

    def along(name, direction, h):
        moved = {**parameters, name: parameters[name] + h * direction} if name else parameters
        at = x if name else x + h * direction
        return float((run(layer, moved, at, training=training)[0][0] * upstream).sum())

    for name, gradient in {"": grad_x, **found}.items():
        for _ in range(3):
            direction = rng.normal(size=gradient.shape)
            h = 1e-3
            stencil = (
                8.0 * (along(name, direction, h) - along(name, direction, -h))
                - (along(name, direction, 2 * h) - along(name, direction, -2 * h))
            ) / (12.0 * h)
            assert stencil == pytest.approx(float((gradient * direction).sum()), rel=1e-8, abs=1e-8), name


@pytest.mark.parametrize(("layer", "training"), [mode for mode in MODES if mode[0].reference is not None], ids=repr)
def test_the_output_is_that_of_the_naive_reference(layer, training):
    x = np.random.default_rng(6).normal(size=(6, 4))
    parameters = parameters_of(layer, 4)
    offered = {"training": training, "rng": np.random.default_rng(7), **attrs.asdict(layer, recurse=False)}
    named = asked_for(type(layer).reference, offered)
    found = type(layer).reference({name: array.copy() for name, array in parameters.items()}, x, **named)
    expected, buffers = found if isinstance(found, tuple) else (found, {})
    (y, _), after = run(layer, parameters, x, training=training)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    assert {spec.name for spec in layer.parameter_specs(4) if spec.role == "buffer"} == set(buffers)
    for name, buffer in buffers.items():
        np.testing.assert_allclose(after[name], buffer, rtol=1e-12, atol=1e-13)


def bind(layer, parameters, gradients, pool, rows, columns, *, training, rng, needs_grad_x=True):
    return layer.bind(
        parameters,
        gradients,
        pool.for_layer(0, rows),
        inputs=columns,
        training=training,
        needs_grad_x=needs_grad_x,
        rng=rng,
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("layer", "training"), MODES, ids=repr)
def test_the_bound_layer_is_equal_batch_after_batch(layer, training, dtype):
    rng = np.random.default_rng(2)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    ours, theirs = parameters_of(layer, 4, dtype), parameters_of(layer, 4, dtype)
    draws, bound_draws = np.random.default_rng(3), np.random.default_rng(3)
    gradients = {name: np.full(4, np.nan, dtype=dtype) for name in trained(layer, 4)}
    pool = Pool(6, np.dtype(dtype))
    bound = {rows: bind(layer, theirs, gradients, pool, rows, 4, training=training, rng=bound_draws) for rows in (6, 1)}
    for rows in (6, 6, 1, 6):
        x, upstream = rng.normal(size=(2, rows, 4)).astype(dtype)
        y, cache = layer.forward(ours, x, training=training, rng=draws)
        grad_x, found = layer.backward(ours, cache, upstream)
        kept = x.copy()
        np.testing.assert_allclose(bound[rows].forward(x), y, rtol=tolerance, atol=tolerance)
        got = bound[rows].backward(upstream.copy())
        assert got.dtype == y.dtype == grad_x.dtype == dtype
        np.testing.assert_allclose(got, grad_x, rtol=tolerance, atol=tolerance)
        for name, gradient in found.items():
            assert gradient.dtype == dtype
            np.testing.assert_allclose(gradients[name], gradient, rtol=tolerance, atol=tolerance, err_msg=name)
        for name in ours:
            np.testing.assert_allclose(theirs[name], ours[name], rtol=tolerance, atol=tolerance, err_msg=name)
        assert np.array_equal(kept, x)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_bound_for_inference_it_is_equal_too(layer):
    x = np.random.default_rng(2).normal(size=(5, 4))
    parameters = parameters_of(layer, 4)
    y, _ = layer.forward(parameters, x, training=False, rng=None)
    bound = bind(layer, parameters, None, Pool(5, x.dtype), 5, 4, training=False, rng=None, needs_grad_x=False)
    np.testing.assert_allclose(bound.forward(x), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("layer", "training"), MODES, ids=repr)
def test_bound_with_gradients_the_output_is_never_the_input(layer, training):
    # The core may use the last layer's output as scratch, while the layer below still needs its own.
    x = np.random.default_rng(2).normal(size=(5, 4))
    gradients = {name: np.zeros(4) for name in trained(layer, 4)}
    pool, rng = Pool(5, x.dtype), np.random.default_rng(0)
    bound = bind(layer, parameters_of(layer, 4), gradients, pool, 5, 4, training=training, rng=rng)
    assert not np.shares_memory(x, bound.forward(x))


@pytest.mark.parametrize("layer", [x for x in LAYERS if trained(x, 4)], ids=repr)
def test_gradients_of_parameters_need_no_gradient_of_the_input(layer):
    rng = np.random.default_rng(2)
    x, upstream = rng.normal(size=(2, 5, 4))
    parameters = parameters_of(layer, 4)
    pairs = []
    for needs in (True, False):
        gradients = {name: np.zeros(4) for name in trained(layer, 4)}
        bound = bind(layer, parameters, gradients, Pool(5, x.dtype), 5, 4, training=True, rng=rng, needs_grad_x=needs)
        bound.forward(x)
        assert (bound.backward(upstream.copy()) is None) == (not needs)
        pairs.append(gradients)
    for name in trained(layer, 4):
        assert np.array_equal(pairs[0][name], pairs[1][name])


@pytest.mark.parametrize(("layer", "training"), MODES, ids=repr)
def test_gradients_by_row_add_up_to_the_whole(layer, training):
    rng = np.random.default_rng(3)
    x, upstreams = rng.normal(size=(6, 4)), rng.normal(size=(6, 3, 4))
    parameters = parameters_of(layer, 4)
    (_, cache), _ = run(layer, parameters, x, training=training)
    if training and isinstance(layer, BatchNorm):
        with pytest.raises(NotOfferedError, match="each row of the output depends on all rows"):
            layer.backward_rows(parameters, cache, upstreams)
        return
    assert layer.offers("backward_rows")
    by_row, found = layer.backward_rows(parameters, cache, upstreams)
    for k in range(3):
        grad_x, whole = layer.backward(parameters, cache, upstreams[:, k])
        np.testing.assert_allclose(by_row[:, k], grad_x, rtol=1e-12, atol=1e-14)
        for name, gradient in whole.items():
            assert found[name].shape == (6, 3, *gradient.shape)
            np.testing.assert_allclose(found[name][:, k].sum(axis=0), gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("layer", "training"), [mode for mode in STEADY if mode[0].row_independent or not mode[1]], ids=repr
)
def test_rows_do_not_see_each_other_and_nan_stays_in_its_row(layer, training):
    x = np.random.default_rng(4).normal(size=(6, 4))
    parameters = parameters_of(layer, 4)
    spoilt = x.copy()
    spoilt[2] = np.nan
    (y, _), _ = run(layer, parameters, x, training=training)
    (other, _), _ = run(layer, parameters, spoilt, training=training)
    assert np.isnan(other[2]).all()
    assert np.array_equal(np.delete(y, 2, axis=0), np.delete(other, 2, axis=0))


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e300, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("layer", "training"), MODES, ids=repr)
def test_nothing_warns_and_nothing_given_is_changed(layer, training, size):
    x = np.random.default_rng(5).normal(size=(6, 4))
    x[1] = size
    upstream = np.ones_like(x)
    kept, kept_upstream = x.copy(), upstream.copy()
    parameters = parameters_of(layer, 4)
    (y, cache), copies = run(layer, parameters, x, training=training)
    grad_x, _ = layer.backward(copies, cache, upstream)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(grad_x, upstream)
    assert np.array_equal(kept, x, equal_nan=True)
    assert np.array_equal(kept_upstream, upstream)
    for name in trained(layer, 4):
        assert np.array_equal(parameters[name], copies[name])


@pytest.mark.parametrize("layer", [x for x in LAYERS if x != activation("gelu")], ids=repr)
def test_a_bound_step_allocates_nothing_of_the_size_of_a_batch(layer):
    rng = np.random.default_rng(2)
    rows, columns = 1000, 64
    x, upstream = rng.normal(size=(2, rows, columns))
    gradients = {name: np.zeros(columns) for name in trained(layer, columns)}
    parameters = parameters_of(layer, columns)
    pool = Pool(rows, x.dtype)
    bound = bind(layer, parameters, gradients, pool, rows, columns, training=True, rng=rng)
    bound.forward(x)
    bound.backward(upstream)
    tracemalloc.start()
    bound.forward(x)
    bound.backward(upstream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 4


@pytest.mark.parametrize("layer", ["layer_norm", "group_norm(groups=1)"])
def test_predictions_of_large_inputs_are_right_and_silent(layer):
    row = [[1e30, -1e30, 2.0]]
    exact = [
        [np.sqrt(1.5), -np.sqrt(1.5), 0.0]
    ]  # the mean is 2/3, the deviation 1e30 sqrt(2/3); 1.6e-30 is rounded off
    for dtype in ("float32", "float64"):
        found = nnkit.Network([3, layer], dtype=dtype, seed=0).predict(row)  # warnings are errors
        np.testing.assert_allclose(found, exact, rtol=0, atol=8 * np.finfo(dtype).eps)
