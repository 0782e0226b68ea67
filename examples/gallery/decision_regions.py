"""
Decision regions
================

What a network with two inputs predicts in every point of the plane.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plot

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
network = nnkit.Network([2, 16, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
network.fit(X, y, epochs=30)

# %%
# The stronger the colour, the larger the predicted probability.

figure, axes = plt.subplots(figsize=(6, 5))
plot.decision_regions(network.predict, X, y, ax=axes)
