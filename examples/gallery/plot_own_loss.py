"""
A loss of your own
==================

A pair of functions is a loss, too: its value for each row, and the gradient by the prediction.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit


def asymmetric(prediction, target):
    """Being too low costs four times as much as being too high."""
    error = prediction - target
    return (np.where(error < 0, 4.0, 1.0) * error**2).sum(axis=1)


def slope(prediction, target):
    """The derivative of the loss of each row by its prediction."""
    error = prediction - target
    return 2.0 * np.where(error < 0, 4.0, 1.0) * error


rng = np.random.default_rng(0)
X = rng.uniform(-2.0, 2.0, (300, 1))
y = X[:, 0] ** 2 + rng.normal(0.0, 0.5, 300)
at = np.linspace(-2.0, 2.0, 200)[:, None]

# %%
# The network with this loss stays above most of the data.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.scatter(X, y, s=8, color="0.7")
for name, loss in {
    "mean_squared_error": "mean_squared_error",
    "asymmetric": (asymmetric, slope),
}.items():
    network = nnkit.Network(
        [1, 16, 1],
        hidden_activation="tanh",
        loss=loss,
        optimizer="adam(learning_rate=0.02)",
        seed=0,
    )
    network.fit(X, y, epochs=150)
    axes.plot(at, network.predict(at), label=name)
    print(
        f"{name}: {np.mean(network.predict(X)[:, 0] > y):.0%} of the predictions are above the target"
    )
axes.set(xlabel="input", ylabel="prediction")
axes.legend()
