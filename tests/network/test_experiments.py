"""The experiments of the documents that this library grew out of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnkit


def half_planes(seed):
    """Two normal inputs; label 1 in either of two random half planes (document 3)."""
    rng = np.random.default_rng(seed)
    v1, v2 = rng.normal(size=(2, 2))

    def draw(rows):
        X = rng.normal(size=(rows, 2))
        return X, ((X @ v1 > 0) | (X @ v2 > 0)).astype(float)

    return draw(100_000), draw(100_000)


def usable_draws(count):
    """Seeds whose more frequent label has a share under 90 %."""
    seed, found = 0, []
    while len(found) < count:
        labels = half_planes(seed)[1][1]
        if max(labels.mean(), 1 - labels.mean()) < 0.9:
            found.append(seed)
        seed += 1
    return found


@pytest.mark.ledger("S3.3", "S3.5", "S3.11", "S3.18", "S3.20", "S3.23", "S3.24")
@pytest.mark.parametrize("seed", usable_draws(20))
def test_half_planes(seed):
    (X, y), (X_test, y_test) = half_planes(seed)
    net = nnkit.Network(
        [2, 8, 4, 1],
        activations=["relu", "relu", "sigmoid"],
        loss="binary_crossentropy",
        optimizer="adam(learning_rate=0.01)",
        initializer="he_normal",
        seed=seed,
    )
    history = net.fit(X, y, batch_size=64, epochs=2)
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(net.parameters).all()
    assert net.score(X_test, y_test, accuracy=True) >= 0.98


@pytest.mark.ledger("S1.2", "S1.19")
@pytest.mark.parametrize("seed", range(5))
def test_the_784_15_10_run_falls_at_every_epoch(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.random((10, 784)), rng.random((10, 10))
    net = nnkit.Network(
        [784, 15, 10],
        activations=["sigmoid", "sigmoid"],
        loss="half_squared_error",
        optimizer="sgd(learning_rate=0.5)",
        initializer="normal(stddev=1.0)",
        bias_initializer="normal(stddev=1.0)",
        seed=seed,
    )
    loss = net.fit(X, y, epochs=30, batch_size=None)["loss"]
    assert len(loss) == 30
    assert all(after < before for before, after in itertools.pairwise(loss))


def relu(z):
    return np.maximum(z, 0)


def d_relu(z):
    return (z > 0).astype(z.dtype)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def d_softmax(z):
    a = softmax(z)
    return a[:, :, None] * (np.eye(z.shape[1])[None] - a[:, None, :])


def crossentropy(prediction, target):
    return -np.sum(target * np.log(prediction + 1e-300), axis=1, keepdims=True)


def d_crossentropy(prediction, target):
    return np.expand_dims(-target / (prediction + 1e-300), 1)


class Momentum:
    """An optimizer of a notebook, in no registry."""

    def __init__(self, learning_rate=0.05, momentum=0.9):
        self.learning_rate, self.momentum, self.velocity = learning_rate, momentum, 0.0

    def update(self, old_params, gradient):
        self.velocity = self.momentum * self.velocity - self.learning_rate * gradient
        return old_params + self.velocity


@pytest.mark.ledger("S2.1", "S2.4", "S2.5", "S2.6", "S2.7", "S2.8", "S2.9", "S2.12", "S2.19", "S2.21")
def test_own_functions_and_an_own_optimizer_train_like_the_named_parts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    shared = {"initializer": "xavier_average", "bias_initializer": "xavier_average", "seed": 4}
    own = nnkit.Network(
        [5, 10, 3],
        hidden_activation=(relu, d_relu),
        output_activation=(softmax, d_softmax),
        loss=(crossentropy, d_crossentropy),
        optimizer=Momentum(),
        task="multiclass",
        **shared,
    )
    named = nnkit.Network(
        [5, 10, 3],
        hidden_activation="relu",
        output_activation="softmax",
        loss="categorical_crossentropy",
        optimizer="sgd(learning_rate=0.05, momentum=0.9)",
        **shared,
    )
    settings = {"epochs": 15, "batch_size": 32}
    own_loss = own.fit(X, nnkit.to_categorical(y), **settings)["loss"]
    named_loss = named.fit(X, y, **settings)["loss"]
    np.testing.assert_allclose(named_loss, own_loss, rtol=1e-9)
    np.testing.assert_allclose(named.parameters, own.parameters, rtol=1e-7, atol=1e-10)
    assert named.score(X, y, accuracy=True) > 0.9
    np.testing.assert_array_equal(named.predict(X, labels=True), own.predict(X, labels=True))
