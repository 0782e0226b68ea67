"""Regularizers: their values, derivatives, in-place variants, residual, purity and hyperparameters."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnkit.errors import HyperparameterError
from nnkit.regularizers.elastic_net import ElasticNet
from nnkit.regularizers.l1 import L1
from nnkit.regularizers.l2 import L2

ALL = [L1(), L1(strength=0.7), L2(), L2(strength=0.7), L2(strength=0.0), ElasticNet(), ElasticNet(l1=0.3, l2=0.7)]
each = pytest.mark.parametrize("regularizer", ALL, ids=repr)
SHAPES = pytest.mark.parametrize("shape", [(1,), (6,), (4, 3), (2, 3, 2), (0,)], ids=str)


def draw(shape, dtype=np.float64):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


@SHAPES
@each
def test_value_is_that_of_the_reference(regularizer, shape):
    weights = draw(shape)
    expected = type(regularizer).reference(weights, **attrs.asdict(regularizer))
    assert isinstance(regularizer.value(weights), float)
    assert regularizer.value(weights) == pytest.approx(expected, rel=1e-14)


@each
def test_gradient_and_curvature_are_slopes(regularizer):
    weights, h = draw((4, 3)), 1e-4
    gradient, curvature = regularizer.gradient(weights), regularizer.curvature(weights)
    assert np.abs(weights).min() > 2 * h  # no kink between the points of a difference
    for place in np.ndindex(4, 3):
        step = np.zeros((4, 3))
        step[place] = h
        ahead, behind = weights + step, weights - step
        # value and gradient are polynomials of degree 2 and 1 on either side of a kink: no truncation error
        slope = (regularizer.value(ahead) - regularizer.value(behind)) / (2 * h)
        second = (regularizer.gradient(ahead) - regularizer.gradient(behind))[place] / (2 * h)
        assert gradient[place] == pytest.approx(slope, rel=1e-9, abs=1e-10)
        assert curvature[place] == pytest.approx(second, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@SHAPES
@each
def test_add_gradient_adds_the_gradient(regularizer, shape, dtype):
    weights, before = draw(shape, dtype), np.full(shape, 0.5, dtype)
    out, work, kept = before.copy(), np.full(shape, np.nan, dtype), weights.copy()
    regularizer.add_gradient(weights, out, work)
    gradient = regularizer.gradient(weights)
    # the sum may cancel: its error is relative to what was added
    allowed = 4 * float(np.finfo(dtype).eps) * (before + np.abs(gradient))
    assert np.all(np.abs(before + gradient - out) <= allowed)
    np.testing.assert_array_equal(kept, weights)


@pytest.mark.parametrize("strength", [0.0, 0.01, 3.0])
def test_l2_is_a_least_squares_term(strength):
    regularizer, weights = L2(strength=strength), draw((4, 3))
    residual = regularizer.residual(weights)
    assert residual.shape == weights.shape
    assert 0.5 * (residual**2).sum() == pytest.approx(regularizer.value(weights), rel=1e-14)
    np.testing.assert_allclose(np.sqrt(strength) * residual, regularizer.gradient(weights), rtol=1e-14)
    np.testing.assert_allclose(regularizer.residual(3.0 * weights), 3.0 * residual, rtol=1e-14)


def test_only_l2_offers_a_residual():
    assert [type(r).__name__ for r in (L1(), L2(), ElasticNet()) if r.offers("residual")] == ["L2"]


@each
def test_float32_stays(regularizer):
    weights = draw((4, 3), np.float32)
    methods = [regularizer.gradient, regularizer.curvature]
    methods += [regularizer.residual] if regularizer.offers("residual") else []
    for method in methods:
        assert method(weights).dtype == np.float32
    assert regularizer.value(weights) == pytest.approx(regularizer.value(weights.astype(np.float64)), rel=1e-6)


@given(weights=arrays(np.float64, array_shapes(max_dims=2, max_side=4), elements=st.floats(-1e6, 1e6)))
def test_elastic_net_is_the_sum_of_its_parts(weights):
    both, l1, l2 = ElasticNet(l1=0.3, l2=0.7), L1(strength=0.3), L2(strength=0.7)
    assert both.value(weights) == pytest.approx(l1.value(weights) + l2.value(weights), rel=1e-14)
    np.testing.assert_allclose(both.gradient(weights), l1.gradient(weights) + l2.gradient(weights), rtol=1e-14)
    np.testing.assert_array_equal(both.curvature(weights), l1.curvature(weights) + l2.curvature(weights))


@given(strength=st.floats(0.0, 1e3), weights=arrays(np.float64, 5, elements=st.floats(-1e6, 1e6)))
def test_twice_the_strength_is_twice_the_price(strength, weights):
    for one, two in (
        (L1(strength=strength), L1(strength=2 * strength)),
        (L2(strength=strength), L2(strength=2 * strength)),
        (ElasticNet(l1=strength, l2=strength), ElasticNet(l1=2 * strength, l2=2 * strength)),
    ):
        assert two.value(weights) == pytest.approx(2 * one.value(weights), rel=1e-14)


@pytest.mark.parametrize("value", [-1e-9, np.nan, np.inf, "much", None])
@pytest.mark.parametrize(("cls", "field"), [(L1, "strength"), (L2, "strength"), (ElasticNet, "l1"), (ElasticNet, "l2")])
def test_hyperparameters_out_of_range(cls, field, value):
    with pytest.raises(HyperparameterError, match=f"{field} must be a finite number"):
        cls(**{field: value})
