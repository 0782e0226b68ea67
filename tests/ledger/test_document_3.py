"""What the fourth document (theory and the half-planes) describes beyond ``tests/network/test_experiments.py``."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nnkit
from nnkit.callbacks.progress import Progress
from nnkit.errors import UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
EITHER = ((X[:, 0] > 0) | (X[:, 1] > 0)).astype(int)


def classifier(layers, **changes):
    settings = {
        "output_activation": "sigmoid",
        "loss": "binary_crossentropy",
        "optimizer": "adam(learning_rate=0.02)",
        "seed": 1,
    }
    return nnkit.Network(layers, **(settings | changes))


@pytest.mark.ledger("S3.1")
def test_what_is_made_small_is_the_mean_loss_and_the_penalty():
    net = classifier([2, 4, 1], regularizer="l2(strength=0.1)")
    bare = classifier([2, 4, 1])
    theta = net.parameters
    penalty = 0.5 * 0.1 * sum(np.sum(w**2) for w in net.weights)
    assert net.objective(X, EITHER).value(theta) == pytest.approx(bare.objective(X, EITHER).value(theta) + penalty)
    assert net.score(X, EITHER) == pytest.approx(net.objective(X, EITHER).value(theta), rel=1e-12)


@pytest.mark.ledger("S3.2", "S3.23")
def test_each_kind_of_error_has_its_remedy():
    # Model class: a line cannot part these classes; a richer model can.
    linear, richer = classifier([2, 1]), classifier([2, 8, 4, 1])
    for net in (linear, richer):
        net.fit(X, EITHER, epochs=150)
    assert linear.score(X, EITHER, accuracy=True) < 0.95
    assert richer.score(X, EITHER, accuracy=True) > 0.98
    # Optimization: training longer.
    assert richer.history["loss"][-1] < 0.5 * richer.history["loss"][9]
    # Sample: few noisy samples; a penalty helps where there are no more data.
    few = RNG.normal(size=(20, 10))
    fresh = RNG.normal(size=(2000, 10))
    target, truth = few[:, 0] + RNG.normal(size=20), fresh[:, 0]
    errors = {}
    for regularizer in (None, "l2(strength=0.3)"):
        net = nnkit.Network([10, 20, 1], regularizer=regularizer, optimizer="adam(learning_rate=0.01)", seed=0)
        net.fit(few, target, epochs=400)
        errors[regularizer] = np.mean((net.predict(fresh)[:, 0] - truth) ** 2)
    assert errors["l2(strength=0.3)"] < 0.7 * errors[None]
    # Bayes: labels that are wrong one time in five cannot be told better than four times in five; a feature can.
    wrong = RNG.random(400) < 0.2
    noisy = EITHER ^ wrong
    tested = RNG.normal(size=(20_000, 2))
    told = ((tested[:, 0] > 0) | (tested[:, 1] > 0)) ^ (RNG.random(20_000) < 0.2)
    net = classifier([2, 8, 1])
    net.fit(X, noisy, epochs=60)
    assert net.score(tested, told.astype(int), accuracy=True) < 0.8 + 3 * np.sqrt(0.16 / 20_000)
    better = classifier([3, 8, 1])
    better.fit(np.c_[X, wrong], noisy, epochs=200)
    assert better.score(np.c_[X, wrong], noisy, accuracy=True) > 0.9


@pytest.mark.ledger("S3.3")
def test_the_two_losses():
    p, y = np.array([[0.2], [0.9]]), np.array([[0.0], [1.0]])
    binary = nnkit.plugins.create("loss", "binary_crossentropy")
    np.testing.assert_allclose(binary.value(p, y), -np.log([0.8, 0.9]), rtol=1e-12)
    square = nnkit.plugins.create("loss", "squared_error")
    np.testing.assert_allclose(square.value(p, y), [0.04, 0.01], rtol=1e-12)


@pytest.mark.ledger("S3.5", "S3.11")
def test_an_architecture_by_names():
    net = nnkit.Network(
        [100, 64, 32, 8, 1], activations=["relu", "relu", "relu", "logistic"], loss="binary_crossentropy"
    )
    assert [64, 32, 8, 1] == [layer.units for layer in net.layers]
    assert ["ReLU", "ReLU", "ReLU", "Sigmoid"] == [type(layer.activation).__name__ for layer in net.layers]


@pytest.mark.ledger("S3.7", "S3.9", "S3.25")
def test_any_activation_and_any_loss_by_value_and_derivative():
    swish = (lambda z: z / (1 + np.exp(-z)), lambda z: (1 + np.exp(-z) * (1 + z)) / (1 + np.exp(-z)) ** 2)
    quartic = (lambda a, y: ((a - y) ** 4).sum(axis=1), lambda a, y: 4 * (a - y) ** 3)
    own = nnkit.Network([2, 6, 1], hidden_activation=swish, loss=quartic, optimizer="adam(learning_rate=0.02)", seed=0)
    objective = own.objective(X, X[:, :1])
    theta = own.parameters.copy()
    step = 1e-6 * np.eye(theta.size)
    slopes = [(objective.value(theta + e) - objective.value(theta - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(objective.gradient(theta), slopes, rtol=1e-5, atol=1e-8)
    history = own.fit(X, X[:, 0], epochs=30)
    assert history["loss"][-1] < 0.1 * history["loss"][0]


@pytest.mark.ledger("S3.8", "S3.10")
def test_the_edges_that_the_document_leaves_open():
    loss = nnkit.plugins.create("loss", "binary_crossentropy")
    prediction, target = np.array([[0.0], [1.0], [1.0], [0.0]]), np.array([[1.0], [0.0], [1.0], [0.0]])
    value, gradient = loss.value(prediction, target), loss.gradient(prediction, target)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert (value[:2] > 30).all()
    np.testing.assert_allclose(value[2:], 0.0, atol=1e-15)
    relu = nnkit.plugins.create("activation", "relu")
    zero = np.zeros((1, 1))
    assert 0.0 == relu.derivative(zero, relu.forward(zero))[0, 0]
    assert 0.0 in relu.kinks


@pytest.mark.ledger("S3.12")
@pytest.mark.parametrize(("setting", "kind"), [("loss", "loss"), ("hidden_activation", "activation")])
def test_an_unknown_name_says_what_it_was_asked_as(setting, kind):
    with pytest.raises(UnknownNameError, match=f"(?s)nonsense.*{kind}|{kind}.*nonsense"):
        nnkit.Network([2, 3, 1], **{setting: "nonsense"})


@pytest.mark.ledger("S3.13")
def test_he_weights_and_zero_biases_drawn_again_on_demand():
    net = nnkit.Network([400, 300, 1], initializer="he_normal", seed=0)
    assert net.weights[0].std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    np.testing.assert_array_equal(np.zeros(300), net.biases[0])
    start = net.parameters.copy()
    net.fit(RNG.normal(size=(20, 400)), RNG.normal(size=20), epochs=1)
    net.reset()
    np.testing.assert_array_equal(start, net.parameters)


@pytest.mark.ledger("S3.18", "S3.21")
def test_losses_by_batch_and_lines_by_the_hundred():
    said = io.StringIO()
    net = classifier([2, 4, 1])
    progress = Progress(batches=100, force=True, interval=0.0, stream=said)
    history = net.fit(X, EITHER, epochs=2, batch_size=2, callbacks=["history(steps=1)", progress])
    assert list(range(1, 401)) == history["batch_step"]
    assert np.mean(history["batch_loss"][:200]) == pytest.approx(history["loss"][0], rel=1e-12)
    lines = said.getvalue().splitlines()
    assert [True, False] * 2 == ["batch 100/200" in line for line in lines]
    short = nnkit.Network([2, 1], seed=0)  # fewer samples than a batch
    assert 1 == len(short.fit(X[:5], X[:5, 0], epochs=1, batch_size=32, callbacks=["history(steps=1)"])["batch_loss"])


@pytest.mark.ledger("S3.19", "S3.22")
def test_inputs_are_normalized_in_training_and_in_prediction():
    layers = [nnkit.Standardize(), nnkit.Dense(4, "relu"), nnkit.Dense(1, "sigmoid")]
    net = nnkit.Network(layers, loss="binary_crossentropy", seed=0)
    given = np.c_[1000 + 50 * X[:, 0], 1e-3 * X[:, 1], np.full(400, 7.0)]  # the last never varies
    net.fit(given, EITHER, epochs=3)
    normalized = net.trace(given)[0].activation
    np.testing.assert_allclose(normalized[:, :2].mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(normalized[:, :2].std(axis=0), 1.0, rtol=1e-5)
    assert np.isfinite(net.predict(given)).all()


@pytest.mark.ledger("S3.25", "S3.26")
def test_all_that_is_supported_and_all_that_is_wished_for_together():
    layers = [
        nnkit.Standardize(streaming=True),
        nnkit.Dense(16),
        nnkit.BatchNorm(),
        "activation(activation='relu')",
        nnkit.Dropout(0.1),
        nnkit.Dense(1, "sigmoid"),
    ]
    decay = {"name": "exponential", "learning_rate": 0.02}
    for optimizer in (
        {"name": "adam", "learning_rate": decay},
        {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    ):
        net = nnkit.Network(
            layers, loss="binary_crossentropy", optimizer=optimizer, regularizer="l2(strength=1e-4)", seed=2
        )
        history = net.fit(1000 * X, EITHER, epochs=60, validation_split=0.25, callbacks=["early_stopping(patience=15)"])
        assert net.score(1000 * X, EITHER, accuracy=True) > 0.95
        assert len(history["val_loss"]) <= 60
