"""
Embeddings of categories
========================

A layer that learns a point of the plane for each of twelve months, from a target that depends on the season.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

months = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
rng = np.random.default_rng(0)
X = rng.integers(0, 12, (600, 1))
warmth = -10.0 * np.cos(2.0 * np.pi * X[:, 0] / 12)
rain = 6.0 * np.sin(2.0 * np.pi * X[:, 0] / 12)
y = np.column_stack([warmth, rain]) + rng.normal(0.0, 1.0, (600, 2))

network = nnkit.Network(
    [1, {"name": "embedding", "categories": 12, "dimensions": 2}, nnkit.Dense(2)],
    optimizer="adam(learning_rate=0.05)", target_scaling="standardize", seed=0,
)  # fmt: skip
network.fit(X, y, epochs=60)

# %%
# The months enter only as numbers from 0 to 11; the learned points form the circle of the year.

points = network.arrays["0.weight"]
figure, axes = plt.subplots(figsize=(5.2, 4.8), layout="constrained")
axes.plot(*np.vstack([points, points[:1]]).T, color="0.8")
axes.scatter(*points.T, c=np.arange(12), cmap="twilight", s=60)
for month, point in zip(months, points, strict=True):
    axes.annotate(month, point, xytext=(5, 5), textcoords="offset points")
axes.set(xlabel="first coordinate", ylabel="second coordinate")
