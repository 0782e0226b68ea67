"""Unknown parts are checked against what they declare, once, when the model is built."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.errors import NotOfferedError, ShapeError
from nnkit.interfaces import Activation, Initializer, Layer, ParameterSpec


@attrs.frozen(kw_only=True)
class Scale(Layer):
    """``y = x * gain``: a layer with nothing but the two methods."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="gain", shape=(inputs,), fan_in=1, fan_out=1, initializer="ones"),)

    def forward(self, parameters, x, *, training, rng):
        return x * parameters["gain"], x

    def backward(self, parameters, cache, grad):
        return grad * parameters["gain"], {"gain": (grad * cache).sum(axis=0)}


@attrs.frozen(kw_only=True)
class Negate(Layer):
    """``y = -x``: no parameters at all."""

    def forward(self, parameters, x, *, training, rng):
        return -x, None

    def backward(self, parameters, cache, grad):
        return -grad, {}


def test_a_layer_of_two_methods_trains_between_others():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    net = nnkit.Network([Negate(), nnkit.Dense(4, "tanh"), Scale(), Negate(), nnkit.Dense(2), Scale()], seed=1)
    net.fit(X, y, epochs=1)
    theta = net.parameters + 0.1
    objective = net.objective(X, y)
    gradient = objective.gradient(theta)
    step = 1e-6 * np.eye(theta.size)
    differences = [(objective.value(theta + s) - objective.value(theta - s)) / 2e-6 for s in step]
    np.testing.assert_allclose(differences, gradient, rtol=1e-6, atol=1e-9)


def test_a_network_without_parameters_can_be_asked():
    net = nnkit.Network([3, Negate()], seed=0)
    np.testing.assert_array_equal(-np.ones((2, 3)), net.predict(np.ones((2, 3))))
    net.fit(np.ones((2, 3)), np.ones((2, 3)), epochs=1)
    assert net.history["loss"] == [4.0]


def test_a_layer_that_returns_another_width_is_refused():
    @attrs.frozen(kw_only=True)
    class Lies(Negate):
        def outputs(self, inputs):
            return inputs + 1

    with pytest.raises(ShapeError, match=r"layer 1 \(Lies\) returned shape \(2, 4\).*declares \(2, 5\)"):
        nnkit.Network([3, nnkit.Dense(4), Lies()])


def test_an_activation_of_another_shape_is_refused():
    @attrs.frozen(kw_only=True)
    class Sums(Activation):
        def forward(self, z):
            return z.sum(axis=1, keepdims=True)

        def jacobian(self, z, a):
            raise NotImplementedError

    with pytest.raises(ShapeError, match="Sums returned shape"):
        nnkit.Network([3, 4], output_activation=Sums())
    with pytest.raises(ShapeError, match="layer 0"):
        nnkit.Network([3, 4, 1], hidden_activation=Sums())


def test_an_initializer_of_another_shape_is_refused():
    @attrs.frozen(kw_only=True)
    class Flat(Initializer):
        def sample(self, shape, fan_in, fan_out, rng, dtype):
            return np.zeros(3, dtype=dtype)

    with pytest.raises(ShapeError, match=r"Flat.sample returned shape \(3,\) for weight of layer 0"):
        nnkit.Network([3, 4], initializer=Flat()).parameters  # noqa: B018


def test_optional_methods_say_that_they_are_not_offered():
    layer = Negate()
    assert not layer.offers("backward_rows")
    with pytest.raises(NotOfferedError, match="Negate"):
        layer.backward_rows({}, None, np.zeros((1, 1, 1)))


def test_dense_bound_equals_dense_plain():
    rng = np.random.default_rng(0)
    from nnkit.core.workspace import Pool
    from nnkit.plugins import create, names

    for activation in [None, *names("activation")]:
        for use_bias in (True, False):
            layer = create("layer", {"name": "dense", "units": 4, "activation": activation, "use_bias": use_bias})
            parameters = {spec.name: rng.normal(size=spec.shape) for spec in layer.parameter_specs(3)}
            gradients = {name: np.full_like(value, np.nan) for name, value in parameters.items()}
            pool = Pool(7, np.dtype(np.float64))
            for rows in (7, 2):
                bound = layer.bind(
                    parameters,
                    gradients,
                    pool.for_layer(0, rows),
                    inputs=3,
                    training=True,
                    needs_grad_x=True,
                    rng=None,
                )
                x, grad = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 4))
                y, cache = layer.forward(parameters, x, training=True, rng=None)
                grad_x, found = layer.backward(parameters, cache, grad)
                np.testing.assert_allclose(y, bound.forward(x), rtol=1e-13, atol=1e-300)
                np.testing.assert_allclose(grad_x, bound.backward(grad.copy()), rtol=1e-11, atol=1e-14)
                for name, value in found.items():
                    np.testing.assert_allclose(value, gradients[name], rtol=1e-11, atol=1e-14)


def test_dense_bound_for_inference_goes_no_way_back():
    from nnkit.core.workspace import Pool

    layer = nnkit.Dense(2)
    parameters = {"weight": np.ones((3, 2)), "bias": np.zeros(2)}
    workspace = Pool(1, np.dtype(np.float64)).for_layer(0, 1)
    bound = layer.bind(parameters, None, workspace, inputs=3, training=False, needs_grad_x=False, rng=None)
    with pytest.raises(RuntimeError, match="inference alone"):
        bound.backward(np.ones((1, 2)))


def test_an_unresolved_dense_says_what_to_do():
    from nnkit.errors import SpecError

    with pytest.raises(SpecError, match="put the layer into a Network"):
        nnkit.Dense(2, "relu").forward(
            {"weight": np.ones((3, 2)), "bias": np.zeros(2)}, np.ones((1, 3)), training=False, rng=None
        )


def test_the_pool_lends_the_same_memory():
    from nnkit.core.workspace import Pool

    pool = Pool(8, np.dtype(np.float32))
    whole, part = pool.lend(0, "z", 8, 3), pool.lend(0, "z", 5, 3)
    assert np.shares_memory(whole, part)
    assert not np.shares_memory(whole, pool.lend(1, "z", 8, 3))
    assert pool.scratch(8, 3).shape == (8, 3)
    assert np.shares_memory(pool.scratch(8, 3), pool.scratch(4, 2))
    assert pool.nbytes == 3 * 8 * 3 * 4
    assert pool.for_layer(0, 5).dtype == np.float32
