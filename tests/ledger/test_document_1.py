"""What the second document (functional notebook) describes beyond ``tests/test_functional.py``."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import nnkit
from nnkit.functional import backward, forward, initialize_model, total_loss, update


@pytest.mark.ledger("S1.6", "S1.7")
def test_the_sigmoid_is_exact_in_both_tails_and_takes_any_array():
    part = nnkit.plugins.create("activation", "sigmoid")
    z = np.array([[-800.0, -40.0, -1.0], [0.0, 3.0, 800.0]])
    a = part.forward(z)  # warnings are errors in the tests: an overflow would be one
    with mpmath.workdps(400):
        expected = [[float(1 / (1 + mpmath.exp(-mpmath.mpf(v)))) for v in row] for row in z.tolist()]
        slopes = [[float(mpmath.exp(-abs(v)) / (1 + mpmath.exp(-abs(v))) ** 2) for v in row] for row in z.tolist()]
    np.testing.assert_allclose(a, expected, rtol=1e-15)
    assert a[0, 1] == pytest.approx(4.248354255291589e-18, rel=1e-14)
    np.testing.assert_allclose(part.derivative(z, a)[:, :2], np.array(slopes)[:, :2], rtol=1e-14)


@pytest.mark.ledger("S1.8")
def test_the_loss_is_half_the_squared_error_and_its_gradient_the_difference():
    rng = np.random.default_rng(0)
    prediction, target = rng.random((4, 3)), rng.random((4, 3))
    loss = nnkit.plugins.create("loss", "half_squared_error")
    np.testing.assert_allclose(loss.value(prediction, target).sum(), 0.5 * np.square(prediction - target).sum())
    np.testing.assert_array_equal(prediction - target, loss.gradient(prediction, target))


@pytest.mark.ledger("S1.21", "S1.5")
def test_the_network_makes_the_same_steps_faster_and_with_more_around_it():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((10, 20)), rng.random((10, 4))
    model = initialize_model([20, 15, 4], seed=1)
    net = nnkit.Network(
        [20, 15, 4],
        activations=["sigmoid", "sigmoid"],
        loss="half_squared_error",
        optimizer="sgd(learning_rate=5.0)",  # a mean over ten rows where the functional style has a sum
    )
    net.parameters = net.layout.flatten(
        [a for pair in zip(model["weights"], model["biases"], strict=True) for a in pair]
    )
    losses = []
    for _ in range(20):
        forward(x, model)
        losses.append(total_loss(y, model) / 10)
        update(0.5, backward(y, model))
    history = net.fit(x, y, epochs=20, batch_size=None)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-10)
    np.testing.assert_allclose(net.weights[1], model["weights"][1], rtol=1e-9, atol=1e-12)
