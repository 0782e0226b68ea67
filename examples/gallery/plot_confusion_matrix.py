"""
A confusion matrix
==================

Which handwritten digits are taken for which.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plot

folder = next(
    path for path in Path.cwd().parents if (path / "examples" / "data").exists()
)
digits = np.load(folder / "examples" / "data" / "digits.npz")
X, y = digits["X"] / 16.0, digits["y"]
network = nnkit.Network(
    [64, 32, 10],
    output_activation="softmax",
    loss="categorical_crossentropy",
    optimizer="adam(learning_rate=3e-3)",
    seed=0,
)
network.fit(X[:1200], y[:1200], epochs=20)
matrix = network.evaluate(X[1200:], y[1200:], metrics=["confusion_matrix"])[
    "confusion_matrix"
]

# %%
# Rows are the true digits, columns the predicted ones; errors stand beside the diagonal.

figure, axes = plt.subplots(figsize=(6, 5.4), layout="constrained")
plot.confusion_matrix(matrix, ax=axes)
