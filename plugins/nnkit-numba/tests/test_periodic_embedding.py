"""The compiled periodic embedding is the plain one, also for large angles, short batches and within other layers."""

import numpy as np
import pytest

import nnkit
from nnkit import plugins
from nnkit.core.workspace import Pool
from nnkit.inference.compiled import compiled_model
from nnkit_numba.accelerator import nnkit_accelerate
from nnkit_numba.periodic_embedding import CompiledPeriodicEmbedding

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def passes(
    layer, rows, dtype, *, wanted=("frequency", "phase", "weight", "bias"), needs_grad_x=True, x=None, scale=1.0
):
    """All that a bound layer computes, by name; the frequencies are `scale` times as large."""
    rng = np.random.default_rng(rows)
    inputs = 5
    drawn, grad = rng.normal(size=(rows, inputs)), rng.normal(size=(rows, layer.outputs(inputs))).astype(dtype)
    parameters = {spec.name: rng.normal(size=spec.shape).astype(dtype) for spec in layer.parameter_specs(inputs)}
    parameters["frequency"] *= dtype(scale)
    gradients = {name: np.full_like(parameters[name], np.nan) for name in wanted}
    bound = layer.bind(
        parameters, gradients, Pool(rows, np.dtype(dtype)).for_layer(0, rows),
        inputs=inputs, training=True, needs_grad_x=needs_grad_x, rng=None,
    )  # fmt: skip
    x = drawn.astype(dtype) if x is None else x
    results = {"y": bound.forward(x).copy()}
    below = bound.backward(grad)
    assert (below is not None) == needs_grad_x
    return results | gradients | ({} if below is None else {"x": below.copy()})


def both(fields=None, **settings):
    plain = plugins.create("layer", {"name": "periodic_embedding", **(fields or {})})
    counterpart = nnkit_accelerate(plain)
    assert type(counterpart) is CompiledPeriodicEmbedding
    return tuple(passes(layer, **settings) for layer in (plain, counterpart))


@every_dtype
@pytest.mark.parametrize("rows", [1, 63, 64, 130])
@pytest.mark.parametrize("fields", [{}, {"frequencies": 3, "dimensions": 1}], ids=str)
def test_both_directions(fields, rows, dtype):
    expected, got = both(fields, rows=rows, dtype=dtype)
    for name, value in expected.items():
        assert got[name].dtype == value.dtype == dtype
        bound = 64 * np.finfo(dtype).eps * np.abs(value).max()
        np.testing.assert_allclose(got[name], value, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("wanted", [(), ("weight",), ("frequency", "bias")])
def test_frozen_arrays_and_inputs_without_a_gradient(wanted):
    expected, got = both(rows=20, dtype=np.float64, wanted=wanted, needs_grad_x=False)
    assert expected.keys() == got.keys() == {"y", *wanted}
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 1e4), (np.float64, 1e6), (np.float32, 1e9)])
def test_large_angles_lose_no_more_digits_than_their_product(dtype, largest):
    rng = np.random.default_rng(0)
    layer = nnkit_accelerate(plugins.create("layer", "periodic_embedding(frequencies=1, dimensions=1)"))
    x = (rng.uniform(-1.0, 1.0, size=(500, 1)) * largest / (2.0 * np.pi)).astype(dtype)
    arrays = {"frequency": [[0.9]], "phase": [[0.3]], "weight": [[1.0]], "bias": [[0.0]]}
    arrays = {name: np.array(value, dtype=dtype) for name, value in arrays.items()}
    workspace = Pool(500, np.dtype(dtype)).for_layer(0, 500)
    bound = layer.bind(arrays, None, workspace, inputs=1, training=False, needs_grad_x=False, rng=None)
    turns = x.astype(np.longdouble) * arrays["frequency"].astype(np.longdouble)
    rest = (turns - np.rint(turns)).astype(float)
    expected = np.cos(2.0 * np.pi * rest + arrays["phase"].astype(float))
    error = np.abs(bound.forward(x)[:, :1] - expected)
    assert (error <= np.finfo(dtype).eps * (4.0 + 2.0 * np.pi * np.abs(turns.astype(float)))).all()


@every_dtype
def test_what_is_not_finite_spoils_what_it_spoils_in_the_plain_layer(dtype):
    x = np.random.default_rng(0).normal(size=(70, 5)).astype(dtype)
    x[3, 1], x[66, 0], x[9, 4] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        expected, got = both(rows=70, dtype=dtype, x=x)
    assert not np.isfinite(expected["y"]).all()
    for name, value in expected.items():
        np.testing.assert_array_equal(np.isfinite(got[name]), np.isfinite(value), err_msg=name)
        np.testing.assert_array_equal(np.isnan(got[name]), np.isnan(value), err_msg=name)


def test_rows_in_another_order_of_memory_and_another_dtype():
    x = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    (_, expected), (_, got) = (both(rows=70, dtype=np.float32, x=rows) for rows in (x, np.asfortranarray(x)))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    (_, wide) = both(rows=70, dtype=np.float32, x=x.astype(np.float64))
    np.testing.assert_array_equal(wide["y"], expected["y"])


EMBEDDED = {"name": "concatenate", "branches": [["standardize", "periodic_embedding"], "dense(units=4)"]}


def names(layer):
    yield type(layer).__qualname__
    for child in layer.children.values():
        yield from names(child)


def test_layers_within_others_have_counterparts_and_frozen_ones_stay_frozen(plainly):
    X = np.random.default_rng(0).normal(size=(50, 3))
    net = nnkit.Network([3, EMBEDDED, 1], seed=0)
    net.freeze("0.0.1")
    before = {name: array.copy() for name, array in net.arrays.items() if name.startswith("0.0.1.")}
    net.fit(X, X[:, 0], epochs=1)
    expected = ["Concatenate", "Sequential", "Standardize", "CompiledPeriodicEmbedding", "CompiledDense"]
    assert list(names(compiled_model(net.model).body[0])) == expected
    assert not compiled_model(net.model).body[0].branches[0].layers[1].trainable
    assert len(before) == 4
    assert all(np.array_equal(net.arrays[name], array) for name, array in before.items())
    with plainly():
        assert compiled_model(net.model).body[0] == net.model.body[0]


def test_a_recipe_trains_to_the_same_parameters(plainly):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = np.sin(3.0 * X[:, 0]) + (X[:, 1] > 0.3)
    compiled = nnkit.fit_recipe("tabular(members=1)", X, y, seed=0, epochs=4).networks[0]
    with plainly():
        plain = nnkit.fit_recipe("tabular(members=1)", X, y, seed=0, epochs=4).networks[0]
    assert compiled.to_config() == plain.to_config()
    np.testing.assert_allclose(compiled.history["loss"], plain.history["loss"], rtol=1e-4)
    np.testing.assert_allclose(compiled.predict(X), plain.predict(X), rtol=0, atol=2e-3)
