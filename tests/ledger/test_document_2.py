"""What the third document (parts passed in from outside) describes beyond ``tests/network/test_experiments.py``."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nnkit
from nnkit.callbacks.progress import Progress

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 5))
LABELS = (X[:, 0] > 0).astype(int)


def classifier():
    settings = {"output_activation": "softmax", "loss": "categorical_crossentropy", "seed": 0}
    return nnkit.Network([5, 10, 2], **settings)


@pytest.mark.ledger("S2.2", "S2.4", "S2.15")
def test_rows_are_samples_and_the_list_begins_with_the_inputs():
    net = classifier()
    assert (5, 2) == (net.inputs, net.outputs)
    assert [(5, 10), (10, 2)] == [w.shape for w in net.weights]
    assert [(10,), (2,)] == [b.shape for b in net.biases]
    assert (50, 2) == net.predict(X).shape


@pytest.mark.ledger("S2.7", "S2.11")
def test_the_output_activations():
    softmax = nnkit.plugins.create("activation", "softmax")
    z = np.array([[1000.0, 1000.0, -1000.0], [0.0, 1.0, 2.0]])
    a = softmax.forward(z)
    np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(a[0], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(softmax.forward(z + 300.0), a, rtol=1e-12)
    np.testing.assert_array_equal(z, nnkit.plugins.create("activation", "identity").forward(z))


@pytest.mark.ledger("S2.9", "S2.10")
def test_a_probability_of_zero_costs_much_but_not_infinity():
    loss = nnkit.plugins.create("loss", "categorical_crossentropy")
    prediction, target = np.array([[0.0, 1.0], [0.25, 0.75]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    value, gradient = loss.value(prediction, target), loss.gradient(prediction, target)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert value[0] > 30
    assert value[1] == pytest.approx(-np.log(0.25), rel=1e-12)
    assert gradient[1, 0] == pytest.approx(-4.0, rel=1e-12)


@pytest.mark.ledger("S2.13", "S2.19")
def test_labels_and_one_hot_rows_train_alike():
    np.testing.assert_array_equal([[1.0, 0.0], [0.0, 1.0]], nnkit.to_categorical([0, 1]))
    by_labels, by_rows = classifier(), classifier()
    by_labels.fit(X, LABELS, epochs=3)
    by_rows.fit(X, nnkit.to_categorical(LABELS), epochs=3)
    np.testing.assert_array_equal(by_labels.parameters, by_rows.parameters)


@pytest.mark.ledger("S2.14")
def test_weights_and_biases_are_drawn_with_the_mean_of_both_fans():
    net = nnkit.Network([300, 500], initializer="xavier_average", bias_initializer="xavier_average", seed=0)
    expected = np.sqrt(1 / 800)
    assert net.weights[0].std() == pytest.approx(expected, rel=0.01)
    assert net.biases[0].std() == pytest.approx(expected, rel=0.2)


@pytest.mark.ledger("S2.20")
def test_progress_is_printed_batch_by_batch_and_each_epochs_loss_returned():
    said = io.StringIO()
    net = classifier()
    progress = Progress(batches=1, force=True, interval=0.0, stream=said)
    history = net.fit(X, LABELS, epochs=2, batch_size=25, callbacks=[progress])
    assert 2 == len(history["loss"])
    lines = said.getvalue().splitlines()
    assert "epoch 1/2  batch 1/2  loss " in lines[0]
    assert f"epoch 2/2  loss {history['loss'][-1]:.4g}" in lines[-1]


@pytest.mark.ledger("S2.22", "S2.23")
def test_predict_and_score_in_both_forms():
    net = classifier()
    net.fit(X, LABELS, epochs=5)
    outputs, labels = net.predict(X), net.predict(X, labels=True)
    np.testing.assert_array_equal(outputs.argmax(axis=1), labels)
    chosen = outputs[np.arange(50), LABELS]
    assert net.score(X, nnkit.to_categorical(LABELS)) == pytest.approx(-np.log(chosen).mean(), rel=1e-12)
    assert net.score(X, LABELS, accuracy=True) == np.mean(labels == LABELS)


@pytest.mark.ledger("S2.24")
def test_a_file_holds_the_parameters_and_all_the_rest(tmp_path):
    net = classifier()
    net.fit(X, LABELS, epochs=2)
    net.save(tmp_path / "net.npz")
    back = nnkit.Network.load(tmp_path / "net.npz")
    for expected, actual in zip(net.weights + net.biases, back.weights + back.biases, strict=True):
        np.testing.assert_array_equal(expected, actual)
    assert net.to_config() == back.to_config()
    arrays = classifier()
    arrays.parameters = net.parameters  # the parameters alone, as the document does it
    np.testing.assert_array_equal(net.predict(X), arrays.predict(X))
