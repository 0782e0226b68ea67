"""
Learning curves
===============

The loss and a metric after each epoch, on the training data and on validation data.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plot

rng = np.random.default_rng(0)
X = rng.normal(size=(1200, 10))
y = (
    np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=1200) > 0
).astype(int)

network = nnkit.Network(
    [10, 32, 1],
    output_activation="sigmoid",
    loss="binary_crossentropy",
    optimizer="adam(learning_rate=0.01)",
    seed=0,
)
history = network.fit(X, y, epochs=40, validation_split=0.25, metrics=["accuracy"])

# %%
# The curves separate: from there the network learns the noise of the training data, which is no use for other data.

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
plot.learning_curve(history, ax=axes[0], quantities=["loss"])
plot.learning_curve(history, ax=axes[1], quantities=["accuracy"])
