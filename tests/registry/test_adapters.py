"""Parts made of functions and of optimizers that know nothing of nnkit: the tuple form of S2."""

import copy

import numpy as np
import pytest

from nnkit.activations.function import FunctionActivation, RowFunctionActivation
from nnkit.activations.function import from_functions as activation_of
from nnkit.errors import ShapeError, SpecError
from nnkit.interfaces import Activation, Elementwise, Loss, Optimizer, one_block
from nnkit.losses.function import from_functions as loss_of
from nnkit.optimizers.update_only import from_update as optimizer_of


def relu(z):
    z[z < 0] = 0  # writes to what it is given, as people do
    return z


def d_relu(z):
    return (z > 0).astype(float)


def softmax(z):
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def d_softmax(z):
    a = softmax(z)
    return a[:, :, None] * np.eye(z.shape[1]) - a[:, :, None] * a[:, None, :]


def crossentropy(prediction, target):
    return -np.sum(target * np.log(prediction), axis=1, keepdims=True)


def d_crossentropy(prediction, target):
    return np.expand_dims(-target / prediction, 1)


@pytest.mark.ledger("S2.1", "S2.3", "S2.5")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_elementwise_pair(dtype):
    part = activation_of((relu, d_relu))
    assert isinstance(part, Elementwise)
    z = np.array([[-1.0, 2.0], [3.0, -4.0]], dtype=dtype)
    before = z.copy()
    a = part.forward(z)
    assert [[0.0, 2.0], [3.0, 0.0]] == a.tolist()
    assert dtype == a.dtype == part.derivative(z, a).dtype
    assert not np.shares_memory(a, z)
    np.testing.assert_array_equal(before, z)
    np.testing.assert_array_equal(np.eye(2) * [0.0, 1.0], part.jacobian(z, a)[0])


@pytest.mark.ledger("S2.3", "S2.6")
def test_a_pair_with_stacked_jacobians():
    rng = np.random.default_rng(3)
    part = activation_of((softmax, d_softmax))
    assert isinstance(part, RowFunctionActivation)
    assert not isinstance(part, Elementwise)
    z, grad = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    a = part.forward(z)
    h = 1e-6
    numeric = np.stack([(part.forward(z + h * e) - part.forward(z - h * e)) / (2 * h) for e in np.eye(4)], axis=2)
    np.testing.assert_allclose(part.jacobian(z, a), numeric, atol=1e-9)
    np.testing.assert_allclose(part.vjp(z, a, grad), np.einsum("ni,nij->nj", grad, numeric), atol=1e-9)


@pytest.mark.ledger("S2.8", "S2.9")
@pytest.mark.parametrize("flat", [True, False])
def test_a_loss_pair_in_both_shapes(flat):
    pair = (
        (lambda p, t: crossentropy(p, t)[:, 0], lambda p, t: d_crossentropy(p, t)[:, 0])
        if flat
        else (crossentropy, d_crossentropy)
    )
    loss = loss_of(pair)
    assert isinstance(loss, Loss)
    prediction, target = np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(loss.value(prediction, target), [np.log(4), np.log(2)], rtol=1e-15)
    np.testing.assert_allclose(loss.gradient(prediction, target), [[-4.0, 0.0], [0.0, -2.0]], rtol=1e-15)
    with pytest.raises(ShapeError):
        loss.value(prediction, target[:1])


def test_parts_are_equal_when_their_functions_are():
    assert activation_of((relu, d_relu)) == activation_of((relu, d_relu))
    assert activation_of((relu, d_relu)) != activation_of((relu, np.ones_like))
    assert hash(activation_of((relu, d_relu))) == hash(activation_of((relu, d_relu)))
    assert loss_of((crossentropy, d_crossentropy)) == loss_of((crossentropy, d_crossentropy))
    assert FunctionActivation(function=relu, derivative=d_relu) == activation_of((relu, d_relu))


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ((relu,), "expected two functions"),
        ((relu, 3), "expected two functions"),
        ((relu, d_relu, relu), "expected two functions"),
        ((relu, lambda z: z[:, 0]), r"derivative\(z\) returned shape \(2,\).*\(N, D\) = \(2, 3\), or \(N, D, D\)"),
        ((lambda z: z.sum(1), d_relu), r"function\(z\) returned shape \(2,\)"),
        ((softmax, lambda z: softmax(z) * (1 - softmax(z))), r"mixes the elements of a row.*stacked Jacobians"),
        ((lambda z, extra: z, d_relu), "which fails on float64 of shape.*TypeError"),
        ((relu, lambda z: "steep"), "which fails on float64.*ValueError"),
    ],
)
def test_a_pair_that_is_no_activation_is_refused_at_once(pair, sentence):
    with pytest.raises(SpecError, match=sentence):
        activation_of(pair)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ((lambda p, t: np.mean((p - t) ** 2), lambda p, t: p - t), r"returned shape \(\).*not their mean"),
        ((lambda p, t: ((p - t) ** 2).sum(1), lambda p, t: (p - t).sum(1)), r"derivative.*returned shape \(2,\)"),
        ((lambda p: p.sum(1), lambda p, t: p - t), "TypeError"),
    ],
)
def test_a_pair_that_is_no_loss_is_refused_at_once(pair, sentence):
    with pytest.raises(SpecError, match=sentence):
        loss_of(pair)


class Momentum:
    """An optimizer as the document writes it; it spoils what it is given."""

    def __init__(self):
        self.velocity = 0.0

    def update(self, old_params, gradient):
        self.velocity = 0.5 * self.velocity - 0.1 * gradient
        new = old_params + self.velocity
        old_params[:] = gradient[:] = np.nan
        return new


@pytest.mark.ledger("S2.12")
def test_an_object_with_update_alone():
    own = Momentum()
    part = optimizer_of(own)
    assert isinstance(part, Optimizer)
    parameters, gradient = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    state = part.init(parameters, one_block(parameters))
    first = part.update(parameters.copy(), gradient, state)
    np.testing.assert_allclose(first, [0.9, 2.1], rtol=1e-15)
    np.testing.assert_allclose(part.update(first, gradient, state), [0.75, 2.25], rtol=1e-15)
    assert [1.0, -1.0] == gradient.tolist()
    assert {} == state
    step_parameters = np.array([1.0, 2.0], dtype=np.float32)
    part.bind(step_parameters, gradient.astype(np.float32), state)()
    assert np.float32 == step_parameters.dtype
    assert np.isfinite(step_parameters).all()


def test_two_such_optimizers_are_equal_when_their_object_is_the_same():
    own = Momentum()
    assert optimizer_of(own) == optimizer_of(own)
    assert optimizer_of(own) != optimizer_of(copy.copy(own))


class Returns:
    def __init__(self, value):
        self.value = value

    def update(self, old_params, gradient):
        return self.value


@pytest.mark.parametrize(("value", "came"), [(None, "returned None"), (np.zeros(3), r"shape \(3,\)"), (1.0, r"\(\)")])
def test_an_update_of_another_shape_is_refused(value, came):
    with pytest.raises(ShapeError, match=rf"Returns\.update.*{came}.*\(2,\)"):
        optimizer_of(Returns(value)).update(np.zeros(2), np.zeros(2), {})


def test_an_update_with_other_arguments_is_refused():
    class Three:
        def update(self, parameters, gradient, state):
            return parameters

    with pytest.raises(SpecError, match=r"Three has an update that cannot be called as update\(old_params, gradient\)"):
        optimizer_of(Three())


def test_the_kinds_are_what_the_core_expects():
    assert issubclass(FunctionActivation, Elementwise)
    assert issubclass(RowFunctionActivation, Activation)
