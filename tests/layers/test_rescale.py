"""Rescaling: the formula, its derivative, and the in-place variant, in both dtypes."""

import numpy as np
import pytest

from nnkit.errors import HyperparameterError
from nnkit.layers.rescale import Rescale


class Arrays:
    """The workspace of a layer: an array for each name."""

    def __init__(self, rows, dtype):
        self.rows, self.dtype = rows, np.dtype(dtype)

    def take(self, name, columns):
        return np.full((self.rows, columns), np.nan, dtype=self.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.0625, 0.0), (-2.5, 0.75), (0.0, 1.0)])
def test_values_gradients_and_the_in_place_variant(scale, offset, dtype):
    rng = np.random.default_rng(3)
    x, grad = rng.normal(size=(2, 5, 4)).astype(dtype)
    layer = Rescale(scale=scale, offset=offset)
    y, cache = layer.forward({}, x, training=True, rng=None)
    grad_x, found = layer.backward({}, cache, grad)
    assert (dtype, dtype, {}) == (y.dtype.type, grad_x.dtype.type, found)
    exact = x.astype(np.float64) * scale + offset
    np.testing.assert_allclose(exact, y, rtol=0, atol=4 * np.finfo(dtype).eps * (1 + np.abs(exact).max()))
    # Linear, so a difference over any distance is the derivative.
    other = layer.forward({}, x + grad, training=True, rng=None)[0]
    np.testing.assert_allclose((grad * (other - y)).sum(), (grad_x * grad).sum(), rtol=1e4 * np.finfo(dtype).eps)
    grads = np.stack([grad, -2 * grad], axis=1)
    np.testing.assert_array_equal(np.stack([grad_x, -2 * grad_x], axis=1), layer.backward_rows({}, cache, grads)[0])
    bound = layer.bind({}, {}, Arrays(5, dtype), inputs=4, training=True, needs_grad_x=True, rng=None)
    np.testing.assert_array_equal(y, bound.forward(x))
    np.testing.assert_array_equal(grad_x, bound.backward(grad.copy()))


def test_the_first_layer_of_a_network_computes_no_gradient_of_the_data():
    layer = Rescale(scale=2.0)
    bound = layer.bind({}, {}, Arrays(1, np.float64), inputs=1, training=True, needs_grad_x=False, rng=None)
    assert bound.backward(np.ones((1, 1))) is None


@pytest.mark.parametrize("field", ["scale", "offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf, "2", True])
def test_only_finite_numbers(field, value):
    with pytest.raises(HyperparameterError, match=field):
        Rescale(**{field: value})
