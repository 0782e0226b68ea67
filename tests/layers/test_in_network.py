"""All layers together in a network: gradients, per-sample values, saving, dtypes."""

import numpy as np
import pytest

import nnkit

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, [1.0, 10.0, 0.1], size=(24, 3))
LABELS = RNG.integers(0, 3, 24)


def every_layer():
    return [
        3,
        nnkit.Standardize(),
        nnkit.Dense(6),
        nnkit.BatchNorm(),
        "activation(activation='tanh')",
        nnkit.Dropout(0.3),
        nnkit.Dense(5, "softplus"),
        nnkit.LayerNorm(),
        nnkit.Dense(3, "softmax"),
    ]


def activation_apart():
    # The output activation stands apart behind a layer that still needs its own output on the way back.
    return [3, nnkit.Dense(4, "softplus"), nnkit.Dense(3, "tanh"), "activation(activation='softmax')"]


def network(layers, **more):
    return nnkit.Network(layers, loss="categorical_crossentropy", seed=1, **more)


@pytest.mark.parametrize("layers", [every_layer, activation_apart])
@pytest.mark.parametrize("backward", ["fast", "jacobian"])
def test_the_gradient_of_the_whole_is_true(layers, backward):
    net = network(layers(), backward=backward)
    net.fit(X, LABELS, epochs=2, batch_size=8)
    objective, theta = net.objective(X, LABELS), net.parameters.copy()
    gradient = objective.gradient(theta)
    rng, h = np.random.default_rng(1), 1e-4  # inputs of size 10 make high derivatives large
    for _ in range(5):
        direction = rng.normal(size=theta.size)
        stencil = (
            8.0 * (objective.value(theta + h * direction) - objective.value(theta - h * direction))
            - (objective.value(theta + 2 * h * direction) - objective.value(theta - 2 * h * direction))
        ) / (12.0 * h)
        assert stencil == pytest.approx(gradient @ direction, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("layers", [every_layer, activation_apart])
def test_gradients_by_sample_have_the_gradient_as_their_mean(layers):
    net = network(layers())
    net.fit(X, LABELS, epochs=2, batch_size=8)
    by_sample = net.per_sample_gradients(X, LABELS)
    np.testing.assert_allclose(
        by_sample.mean(axis=0), net.objective(X, LABELS).gradient(net.parameters), rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("layers", [every_layer, activation_apart])
def test_the_two_roads_train_alike(layers):
    fast, full = network(layers(), optimizer="sgd"), network(layers(), optimizer="sgd", backward="jacobian")
    for net in (fast, full):
        net.fit(X, LABELS, epochs=3, batch_size=8)
    np.testing.assert_allclose(fast.parameters, full.parameters, rtol=1e-10, atol=1e-12)


@pytest.mark.ledger("S3.19", "S3.22")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_are_saved_and_used_in_prediction(tmp_path, dtype):
    net = network(every_layer())
    net.fit(X.astype(dtype), LABELS, epochs=3, batch_size=10)
    assert net.dtype == dtype
    mean, stddev = (net.model.buffer_layout.by_layer(net._ready().buffers)[0][name] for name in ("mean", "stddev"))
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=2e-7)
    np.testing.assert_allclose(stddev, X.std(axis=0), rtol=2e-6)
    before = net.predict(X)
    assert before.dtype == dtype
    assert np.array_equal(before, net.predict(X))  # predicting changes nothing
    net.save(tmp_path / "net.npz")
    assert np.array_equal(before, nnkit.Network.load(tmp_path / "net.npz").predict(X))


def test_no_regularizer_touches_scale_and_shift():
    net = network(every_layer(), regularizer="l2(strength=10.0)", optimizer="sgd(learning_rate=0.01)")
    names = {(slot.layer, slot.spec.name) for slot, _ in net.model.penalties}
    assert names == {(1, "weight"), (5, "weight"), (7, "weight")}
    biases = net.biases
    assert len(biases) == 3 + 2 + 2
