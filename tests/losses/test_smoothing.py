"""Smoothed labels and weights of a yes, in networks and in configs."""

import numpy as np
import pytest

import nnkit
from nnkit.errors import HyperparameterError, NNKitError
from nnkit.losses.binary_crossentropy import BinaryCrossentropy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X @ RNG.normal(size=(3, 2)) > 0.8).astype(float)


def network(loss, outputs=2):
    return nnkit.Network([3, 4, outputs], loss=loss, output_activation="sigmoid", seed=0)


@pytest.mark.parametrize("weight", [3.0, [0.5, 4.0]])
def test_a_weight_of_a_yes_counts_its_rows_that_often(weight):
    """The gradient of the network is that of a plain loss whose positive targets are repeated."""
    net = network({"name": "binary_crossentropy", "pos_weight": weight})
    plain, theta = network("binary_crossentropy"), net.parameters
    objective = net.objective(X, Y)
    expected = np.zeros_like(theta)
    weights = np.broadcast_to(weight, 2)
    for column in range(2):
        alone = nnkit.Network([3, 4, 2], loss="binary_crossentropy", output_activation="sigmoid", seed=0)
        for rows, factor in ((Y[:, column] == 1, weights[column]), (Y[:, column] == 0, 1.0)):
            # The other column is its own prediction, so it adds no gradient.
            target = alone.predict(X[rows])
            target[:, column] = Y[rows, column]
            expected += factor * rows.sum() / len(X) * plain.objective(X[rows], target).gradient(theta)
    np.testing.assert_allclose(objective.gradient(theta), expected, rtol=1e-10, atol=1e-14)
    assert nnkit.Network.from_config(net.to_config()).loss == net.loss


def test_the_training_with_smoothed_labels_is_that_of_the_smoothed_targets():
    smooth, plain = network("binary_crossentropy(label_smoothing=0.2)"), network("binary_crossentropy")
    smooth.fit(X, Y, epochs=3, batch_size=16)
    plain.fit(X, 0.8 * Y + 0.1, epochs=3, batch_size=16)
    np.testing.assert_allclose(smooth.parameters, plain.parameters, rtol=1e-10)
    labels = np.argmax(X, axis=1)
    nets = [
        nnkit.Network([3, 4, 3], loss=loss, output_activation="softmax", seed=0)
        for loss in ("categorical_crossentropy(label_smoothing=0.3)", "categorical_crossentropy")
    ]
    nets[0].fit(X, labels, epochs=3, batch_size=16)
    nets[1].fit(X, 0.7 * np.eye(3)[labels] + 0.1, epochs=3, batch_size=16)
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)


def test_impossible_weights_and_widths_are_refused():
    for weight in (0.0, -1.0, np.inf, True, "x", [], [1.0, 0.0]):
        with pytest.raises(HyperparameterError, match="pos_weight must be"):
            BinaryCrossentropy(pos_weight=weight)
    with pytest.raises(NNKitError, match="accepted numbers of outputs: 3"):
        network({"name": "binary_crossentropy", "pos_weight": [1.0, 2.0, 3.0]})
