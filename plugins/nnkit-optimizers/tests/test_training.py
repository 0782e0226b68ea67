"""A network trains with each of these optimizers, named as any other part."""

import numpy as np
import pytest

import nnkit

RATES = {"adamax": 0.02, "adan": 0.02, "lion": 0.005, "radam": 0.02}


@pytest.mark.parametrize("name", RATES)
def test_a_network_learns_the_quadrants(name):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (400, 2))
    labels = (x[:, 0] * x[:, 1] > 0.0).astype(int)
    network = nnkit.Network(
        [2, 16, 2],
        hidden_activation="tanh",
        output_activation="softmax",
        loss="categorical_crossentropy",
        optimizer=f"nnkit-optimizers/{name}(learning_rate={RATES[name]})",
        seed=0,
    )
    network.fit(x, labels, epochs=60, batch_size=32)

    assert network.score(x, labels, accuracy=True) > 0.93
