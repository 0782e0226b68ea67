"""
Prediction intervals
====================

Intervals from the Jacobian of a trained network, without training it again.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plot
from nnkit.inference import intervals

rng = np.random.default_rng(0)
X = np.concatenate([rng.uniform(-3.0, -0.5, 60), rng.uniform(0.8, 3.0, 60)])[
    :, None
]
y = np.sin(X[:, 0]) + rng.normal(0.0, 0.15, 120)
network = nnkit.Network(
    [1, 8, 1], hidden_activation="tanh", optimizer="bayesian_regularization", seed=0
)
network.fit(X, y, epochs=100)

# %%
# 95 % of new observations should lie in the band. Outside of the data it widens.

at = np.linspace(-4.5, 4.5, 200)[:, None]
bounds = intervals(network, X, y, at)
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
plot.intervals(at[:, 0], bounds.prediction, bounds.lower, bounds.upper, ax=axes)
axes.scatter(X, y, s=10, color="0.3", zorder=3)
