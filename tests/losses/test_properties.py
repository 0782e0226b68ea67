"""Properties of every loss: derivatives, independent samples, in-place variants, fused forms, purity, shapes, NaN."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.loss_cases import FUSED_WITH, LOSSES, TERMS, draw_prediction, draw_target, name

from nnkit.errors import ShapeError
from nnkit.losses.gaussian_nll import GaussianNLL

LEAST_SQUARES = [loss for loss in LOSSES if loss.offers("residual")]
FUSED = [loss for loss in LOSSES if loss.fused_activation is not None]
SHAPES = [(1, 1), (1, 2), (1, 10), (7, 1), (7, 2), (7, 10)]

each_loss = pytest.mark.parametrize("loss", LOSSES, ids=name)
each_fused = pytest.mark.parametrize("loss", FUSED, ids=name)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def data(loss, shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng([seed, *shape])
    return draw_prediction(loss, rng, shape, dtype), draw_target(loss, rng, shape, dtype)


def fused_data(loss, shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng([seed, *shape])
    z = (3.0 * rng.normal(size=shape)).astype(dtype)
    a = FUSED_WITH[loss.fused_activation](z.astype(np.float64)).astype(dtype)
    return z, a, draw_target(loss, rng, shape, dtype)


def stencil(function, x, step):
    """``d function(x)[n, ...] / d x[n, k]`` along a last axis ``k``: central differences of sixth order."""
    columns = []
    for k in range(x.shape[1]):
        unit = np.zeros_like(x)
        unit[:, k] = 1.0
        h = step * np.maximum(np.abs(x[:, k : k + 1]), 1e-3) * unit
        width = h[:, k]
        total = 0.0
        for weight, multiple in ((3 / 4, 1), (-3 / 20, 2), (1 / 60, 3)):
            total = total + weight * (function(x + multiple * h) - function(x - multiple * h))
        columns.append(total / width.reshape(-1, *[1] * (np.ndim(total) - 1)))
    return np.stack(columns, axis=-1)


@each_shape
@each_loss
def test_gradient_is_the_slope_of_the_value(loss, shape):
    prediction, target = data(loss, shape)
    expected = stencil(lambda p: loss.value(p, target), prediction, 1e-3)
    np.testing.assert_allclose(loss.gradient(prediction, target), expected, rtol=1e-8, atol=1e-9)


@each_shape
@each_loss
def test_curvature_is_the_slope_of_the_gradient(loss, shape):
    prediction, target = data(loss, shape)
    expected = stencil(lambda p: loss.gradient(p, target), prediction, 1e-3)
    actual = loss.curvature(prediction, target)
    assert actual.shape == (*shape, shape[1])
    np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-9)


@each_shape
@each_loss
def test_value_is_that_of_the_reference(loss, shape):
    prediction, target = data(loss, shape)
    expected = type(loss).reference(prediction, target, **attrs.asdict(loss))
    np.testing.assert_allclose(loss.value(prediction, target), expected, rtol=1e-13, atol=1e-14)


@each_loss
def test_examples(loss):
    assert type(loss).examples
    for example in type(loss).examples:
        part = type(loss)(**example.hyperparameters)
        inputs = {key: np.asarray(value) for key, value in example.inputs.items()}
        actual = getattr(part, example.method or "value")(**inputs)
        np.testing.assert_allclose(actual, example.expected, rtol=example.tolerance, atol=0.0)


@each_loss
def test_samples_never_see_each_other(loss):
    prediction, target = data(loss, (7, 3))
    value, gradient, curvature = (method(prediction, target) for method in (loss.value, loss.gradient, loss.curvature))
    for n in range(7):
        one = prediction[n : n + 1], target[n : n + 1]
        np.testing.assert_allclose(loss.value(*one)[0], value[n], rtol=1e-14)
        np.testing.assert_allclose(loss.gradient(*one)[0], gradient[n], rtol=1e-14)
        np.testing.assert_allclose(loss.curvature(*one)[0], curvature[n], rtol=1e-14)


@each_shape
@pytest.mark.parametrize("loss", LEAST_SQUARES, ids=name)
def test_residual(loss, shape):
    prediction, target = data(loss, shape)
    residual, jacobian = loss.residual(prediction, target), loss.residual_jacobian(prediction, target)
    np.testing.assert_allclose(0.5 * (residual**2).sum(axis=1), loss.value(prediction, target), rtol=1e-14)
    np.testing.assert_array_equal(np.sign(prediction - target), np.sign(residual))
    slope = stencil(lambda p: loss.residual(p, target), prediction, 1e-3)
    np.testing.assert_allclose(jacobian, slope, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        np.einsum("nr,nrk->nk", residual, jacobian), loss.gradient(prediction, target), rtol=1e-14
    )
    np.testing.assert_allclose(
        np.einsum("nri,nrj->nij", jacobian, jacobian), loss.curvature(prediction, target), rtol=1e-14
    )


def test_the_least_squares_losses():
    assert {type(loss).__name__ for loss in LEAST_SQUARES} == {"MeanSquaredError", "SquaredError", "HalfSquaredError"}


@each_shape
@each_fused
def test_fused_value_is_the_composition_with_the_activation(loss, shape):
    z, a, target = fused_data(loss, shape)
    np.testing.assert_allclose(loss.fused_value(z, a, target), loss.value(a, target), rtol=1e-12, atol=1e-15)


@each_shape
@each_fused
def test_fused_gradient_is_the_composition_with_the_activation(loss, shape):
    z, a, target = fused_data(loss, shape)
    jacobian = stencil(FUSED_WITH[loss.fused_activation], z, 1e-3)
    expected = np.einsum("ni,nij->nj", loss.gradient(a, target), jacobian)
    np.testing.assert_allclose(loss.fused_gradient(z, a, target), expected, rtol=1e-7, atol=1e-9)


@each_shape
@each_fused
def test_fused_curvature_is_the_slope_of_the_fused_gradient(loss, shape):
    z, a, target = fused_data(loss, shape)
    forward = FUSED_WITH[loss.fused_activation]
    expected = stencil(lambda x: loss.fused_gradient(x, forward(x), target), z, 1e-3)
    np.testing.assert_allclose(loss.fused_curvature(z, a, target), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@each_shape
@each_loss
def test_evaluate_into_is_value_and_gradient(loss, shape, dtype):
    prediction, target = data(loss, shape, dtype=dtype)
    kept = prediction.copy(), target.copy()
    values, grad = np.full(shape[0], np.nan, dtype), np.full(shape, np.nan, dtype)
    loss.evaluate_into(prediction, target, values, grad)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, loss.value(prediction, target), rtol=8 * eps, atol=0.0)
    np.testing.assert_allclose(grad, loss.gradient(prediction, target), rtol=2 * eps, atol=0.0)
    np.testing.assert_array_equal(kept[0], prediction)
    np.testing.assert_array_equal(kept[1], target)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@each_shape
@each_fused
def test_fused_into_is_the_fused_forms(loss, shape, dtype, scale):
    z, _, target = fused_data(loss, shape, dtype=dtype)
    z *= dtype(scale)
    shifted = z - z.max(axis=1, keepdims=True)
    if loss.fused_activation == "log_softmax":
        a = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    else:
        a = FUSED_WITH[loss.fused_activation](z)
    kept = a.copy(), target.copy()
    values, grad = np.full(shape[0], np.nan, dtype), np.full(shape, np.nan, dtype)
    loss.fused_into(z.copy(), a, target, values, grad)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, loss.fused_value(z, a, target), rtol=20 * eps, atol=4 * eps)
    np.testing.assert_allclose(grad, loss.fused_gradient(z, a, target), rtol=2 * eps, atol=0.0)
    np.testing.assert_array_equal(kept[0], a)
    np.testing.assert_array_equal(kept[1], target)


@each_fused
def test_fused_into_fills_any_layout(loss):
    z, a, target = fused_data(loss, (7, 3))
    expected = loss.fused_value(z, a, target), loss.fused_gradient(z, a, target)
    values, grad = np.zeros(14)[::2], np.zeros((7, 3), order="F")
    ordered = target if target.ndim == 1 else np.asfortranarray(target)
    loss.fused_into(np.asfortranarray(z), np.asfortranarray(a), ordered, values, grad)
    np.testing.assert_allclose(values, expected[0], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(grad, expected[1], rtol=1e-15, atol=0.0)


@each_loss
def test_arguments_are_only_read(loss):
    prediction, target = data(loss, (7, 3))
    prediction.flags.writeable = target.flags.writeable = False
    methods = [loss.value, loss.gradient, loss.curvature]
    methods += [loss.residual, loss.residual_jacobian] if loss in LEAST_SQUARES else []
    for method in methods:
        result = method(prediction, target)
        assert result.flags.writeable
        assert not np.shares_memory(result, prediction)
        assert not np.shares_memory(result, target)
    if loss.fused_activation is None:
        return
    z, a, target = fused_data(loss, (7, 3))
    z.flags.writeable = a.flags.writeable = target.flags.writeable = False
    for method in (loss.fused_value, loss.fused_gradient, loss.fused_curvature):
        result = method(z, a, target)
        assert result.flags.writeable
        assert not any(np.shares_memory(result, given) for given in (z, a, target))


@each_loss
def test_float32_stays(loss):
    prediction, target = data(loss, (7, 3), dtype=np.float32)
    exact = prediction.astype(np.float64), target if target.ndim == 1 else target.astype(np.float64)
    names = ["value", "gradient", "curvature"]
    names += ["residual", "residual_jacobian"] if loss in LEAST_SQUARES else []
    for method in names:
        result = getattr(loss, method)(prediction, target)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, getattr(loss, method)(*exact), rtol=3e-6, atol=3e-6)
    if loss.fused_activation is None:
        return
    z, a, target = fused_data(loss, (7, 3), dtype=np.float32)
    exact = [given if given.dtype.kind == "i" else given.astype(np.float64) for given in (z, a, target)]
    for method in ("fused_value", "fused_gradient", "fused_curvature"):
        result = getattr(loss, method)(z, a, target)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, getattr(loss, method)(*exact), rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("column", [0, 1])
@each_loss
def test_nan_stays_in_its_row(loss, column):
    prediction, target = data(loss, (3, 2))
    prediction[1, column] = np.nan
    value, gradient = loss.value(prediction, target), loss.gradient(prediction, target)
    np.testing.assert_array_equal([False, True, False], np.isnan(value))
    if type(loss).__name__ != "NegativeLogLikelihood":  # its gradient is the target's own
        np.testing.assert_array_equal([False, True, False], np.isnan(gradient).any(axis=1))
    values, grad = np.zeros(3), np.zeros((3, 2))
    loss.evaluate_into(prediction, target, values, grad)
    np.testing.assert_array_equal(np.isnan(value), np.isnan(values))
    np.testing.assert_array_equal(np.isnan(gradient), np.isnan(grad))


@each_fused
def test_nan_stays_in_its_row_when_fused(loss):
    z, a, target = fused_data(loss, (3, 2))
    z[1] = a[1] = np.nan
    expected = [False, True, False]
    np.testing.assert_array_equal(expected, np.isnan(loss.fused_value(z, a, target)))
    np.testing.assert_array_equal(expected, np.isnan(loss.fused_gradient(z, a, target)).all(axis=1))
    values, grad = np.zeros(3), np.zeros((3, 2))
    loss.fused_into(z, a, target, values, grad)
    np.testing.assert_array_equal(expected, np.isnan(values))
    np.testing.assert_array_equal(expected, np.isnan(grad).all(axis=1))


@pytest.mark.parametrize("method", ["value", "gradient", "curvature"])
@each_loss
def test_shapes_that_would_broadcast_are_refused(loss, method):
    prediction, target = data(loss, (7, 7))
    with pytest.raises(ShapeError, match="expected a target of shape"):
        getattr(loss, method)(prediction, target[:1])
    with pytest.raises(ShapeError, match=r"expected \(N, K\)"):
        getattr(loss, method)(prediction[0], target)


@each_loss
def test_the_minimum_is_where_the_traits_say(loss):
    if not loss.minimum_at_target:
        return
    rng = np.random.default_rng(3)
    target = draw_target(loss, rng, (40, 3))
    at_target = loss.value(target, target)
    others = loss.value(draw_prediction(loss, rng, (40, 3)), target)
    assert np.all(at_target <= others)
    assert loss.zero_at_target == (np.abs(at_target).max() <= 1e-15)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
@each_loss
def test_convex_in_the_prediction(loss, seed, share):
    assert loss.convex
    rng = np.random.default_rng(seed)
    low, high = (draw_prediction(loss, rng, (5, 3)) for _ in range(2))
    target = draw_target(loss, rng, (5, 3))
    between = loss.value(share * low + (1.0 - share) * high, target)
    chord = share * loss.value(low, target) + (1.0 - share) * loss.value(high, target)
    assert np.all(between <= chord + 1e-12 * (1.0 + np.abs(chord)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), outputs=st.integers(1, 6))
@each_loss
def test_additive_over_outputs(loss, seed, outputs):
    if not loss.additive:
        return
    rng = np.random.default_rng(seed)
    prediction, target = draw_prediction(loss, rng, (3, outputs)), draw_target(loss, rng, (3, outputs))
    parts = sum(loss.value(prediction[:, k : k + 1], target[:, k : k + 1]) for k in range(outputs))
    whole = loss.value(prediction, target)
    _, is_mean = TERMS[name(loss)]
    np.testing.assert_allclose(parts / outputs if is_mean else parts, whole, rtol=1e-12, atol=1e-12)


def test_the_gaussian_likelihood_states_the_standard_deviation_of_its_distribution():
    loss, prediction = GaussianNLL(), np.array([[2.0, 1.3], [0.0, -0.7]])
    one_away = loss.point(prediction) + loss.standard_deviation(prediction)
    np.testing.assert_allclose(loss.gradient(prediction, one_away)[:, 1], 0.0, atol=1e-14)
    scaled = loss.unscale(prediction, np.array([5.0]), np.array([10.0]))
    np.testing.assert_allclose(10.0 * loss.standard_deviation(prediction), loss.standard_deviation(scaled))
