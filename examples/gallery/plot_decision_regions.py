"""
Decision regions
================

What a network with two inputs predicts at every point of the plane.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plot

rng = np.random.default_rng(0)
angle = rng.uniform(0.0, np.pi, 300)
upper = np.arange(300) % 2 == 0
X = np.column_stack(
    [
        np.where(upper, np.cos(angle), 1.0 - np.cos(angle)),
        np.where(upper, np.sin(angle), 0.5 - np.sin(angle)),
    ]
)
X += rng.normal(0.0, 0.15, X.shape)
y = upper.astype(int)

network = nnkit.Network(
    [2, 16, 16, 1],
    output_activation="sigmoid",
    loss="binary_crossentropy",
    optimizer="adam(learning_rate=0.02)",
    seed=0,
)
network.fit(X, y, epochs=60)

# %%
# The stronger the colour, the larger the predicted probability; along the line both classes are equally likely.

figure, axes = plt.subplots(figsize=(6.5, 5), layout="constrained")
plot.decision_regions(
    network.predict, X, y, ax=axes, labels=["lower moon", "upper moon"]
)
