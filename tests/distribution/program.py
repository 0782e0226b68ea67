"""The program that is frozen: it trains with built-in parts and a plugin's optimizer, saves, loads and predicts."""

import sys

import numpy as np

import nnkit
from nnkit.cli.app import nnkit as command

if sys.argv[1:]:
    command(sys.argv[1:])

for kind in (
    "activation",
    "callback",
    "initializer",
    "layer",
    "loss",
    "metric",
    "optimizer",
    "regularizer",
    "schedule",
):
    for name in nnkit.plugins.names(kind):
        nnkit.plugins.get(kind, name)

X = np.linspace(-1.0, 1.0, 64)[:, None]
y = X**2
network = nnkit.Network([1, 16, 1], hidden_activation="tanh", optimizer="lion(learning_rate=3e-3)", seed=0)
network.fit(X, y, epochs=200, metrics=["mean_absolute_error"])
network.save("model.npz")
loaded = nnkit.Network.load("model.npz")
assert np.array_equal(network.predict(X), loaded.predict(X))
print(type(network.optimizer).__module__, network.score(X, y), sorted(network.to_config()["providers"]))
